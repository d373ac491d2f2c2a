import assert from "node:assert/strict";
import { limits, type DesiredState, type StatusReport } from "@rciots/protocol";
import { createStore } from "@rciots/store";
import { AppError } from "@rciots/runtime";
import {
  connectClient,
  createDesiredStates,
  createFixture,
  errorCode,
  startConnector,
  type Client,
  type Running,
  type TestDevice,
  type TestOrganization,
  type World,
} from "./connector-fixture.ts";
import { eventually } from "../harness/eventually.ts";

type Bundle = Extract<DesiredState, { kind: "bundle" }>;

describe("delivery and reports", () => {
  let fixture: Awaited<ReturnType<typeof createFixture>>;
  let world: World;
  let organization: TestOrganization;
  let running: Running;

  before(async () => {
    fixture = await createFixture();
    ({ world } = fixture);
    organization = await world.addOrganization();
    running = await startConnector(world);
  });
  after(async () => {
    await running?.stop();
    await fixture?.stop();
  });

  async function live(device: TestDevice, of: Running = running): Promise<Client> {
    const client = await connectClient({ url: of.url, device, ca: world.root.pem });
    assert.equal(errorCode(await client.hello()), "ok");
    return client;
  }

  /** Assigns content as the platform would: a revision with its history, then the hint. */
  async function assign(device: TestDevice, revision: number, of: Running = running): Promise<Bundle> {
    const wire = of.desired.set(
      device.id,
      revision,
      Buffer.from(`content ${revision} of ${device.id}`),
    ) as Bundle;
    await world.db.collection("deviceRevisions").insertOne({
      _id: `${device.id}:${revision}` as never,
      organizationId: device.organizationId,
      deviceId: device.id,
      revision,
      digest: wire.digest,
      inputsHash: "x",
      inputs: { sources: [], overlayBlobId: null, renderedBlobId: null, variables: {} },
      objectCount: 1,
      sizeBytes: 1,
      state: "offered",
      message: null,
      reason: "change",
      createdAt: new Date(),
      finishedAt: null,
    });
    of.bus.publish("desired:changed", { organizationId: device.organizationId, deviceIds: [device.id] });
    return wire;
  }

  const reportOf = (
    wire: Bundle,
    state: StatusReport["state"],
    more: Partial<StatusReport> = {},
  ): StatusReport => ({
    revision: wire.revision,
    digest: wire.digest,
    state,
    counts: { Current: 2, Failed: 1 },
    ...more,
  });
  const offersOf = (client: Client): number[] =>
    client.received
      .filter(({ event }) => event === "desired:changed")
      .map(({ payload }) => (payload as DesiredState).revision);
  const eventsOf = async (device: TestDevice): Promise<string[]> => {
    const query = { organizationId: device.organizationId, deviceId: device.id, limit: 50 };
    return (await world.store.events.list(query)).map(({ kind }) => kind).reverse();
  };
  const revisionOf = (device: TestDevice, revision: number) =>
    world.db.collection("deviceRevisions").findOne({ _id: `${device.id}:${revision}` as never });

  describe("when what a device should run changes", () => {
    it("offers it once, and answers it at the next hello", async () => {
      const device = await world.addDevice(organization);
      const client = await live(device);
      await assign(device, 1);
      await eventually(() => assert.deepEqual(offersOf(client), [1]));
      running.bus.publish("desired:changed", { organizationId: organization.id });
      await client.call("desired:get", {});
      assert.deepEqual(offersOf(client), [1]);
      const again = await connectClient({ url: running.url, device, ca: world.root.pem });
      const hello = await again.hello();
      assert.ok(hello.ok);
      assert.equal((hello.data as { desired: DesiredState }).desired.revision, 1);
      again.close();
    });

    it("finds the change without the hint", async () => {
      const own = await startConnector(world, { connectorId: "own", settings: { patrolIntervalMs: 200 } });
      try {
        const device = await world.addDevice(organization);
        const client = await live(device, own);
        own.desired.set(device.id, 1, Buffer.from("content"));
        await eventually(() => assert.deepEqual(offersOf(client), [1]));
        client.close();
      } finally {
        await own.stop();
      }
    });

    it("offers again what was not acknowledged", async () => {
      const own = await startConnector(world, {
        connectorId: "own",
        settings: { patrolIntervalMs: 100, ackTimeoutMs: 100 },
      });
      try {
        const device = await world.addDevice(organization);
        const client = await live(device, own);
        client.socket.offAny();
        let offers = 0;
        client.socket.onAny(() => (offers += 1));
        own.desired.set(device.id, 1, Buffer.from("content"));
        await eventually(() => assert.ok(offers >= 2));
        client.close();
      } finally {
        await own.stop();
      }
    });

    it("takes many devices together in batches of a hundred at most", async function () {
      this.timeout(40_000);
      const desired = createDesiredStates();
      const own = await startConnector(world, { connectorId: "own", desired });
      try {
        const devices = await Promise.all(Array.from({ length: 120 }, () => world.addDevice(organization)));
        const clients = await Promise.all(devices.map((device) => live(device, own)));
        desired.batches.length = 0;
        for (const device of devices) desired.set(device.id, 1, Buffer.from(device.id));
        own.bus.publish("desired:changed", { organizationId: organization.id });
        await eventually(() => {
          assert.ok(clients.every((client) => offersOf(client).join() === "1"));
        });
        assert.ok(desired.batches.length <= 4, `${desired.batches.length} batches`);
        assert.ok(Math.max(...desired.batches) <= 100);
        for (const client of clients) client.close();
      } finally {
        await own.stop();
      }
    });
  });

  describe("bundle:read", () => {
    it("serves a bundle in chunks, as bytes", async () => {
      const device = await world.addDevice(organization);
      const content = Buffer.from(Array.from({ length: 600_000 }, (_value, index) => index % 251));
      const { encodedDigest } = running.desired.set(device.id, 1, content) as Bundle;
      const client = await live(device);
      const parts: Buffer[] = [];
      for (let offset = 0; offset < content.length; offset += limits.chunkBytes) {
        const answer = await client.call("bundle:read", { encodedDigest, offset, length: limits.chunkBytes });
        assert.ok(answer.ok);
        parts.push(Buffer.from(answer.data as Uint8Array));
      }
      assert.ok(Buffer.concat(parts).equals(content));
      const behind = await client.call("bundle:read", { encodedDigest, offset: content.length, length: 1 });
      assert.equal(errorCode(behind), "invalid_payload");
      client.close();
    });

    it("answers bundle_gone for what is not this device's, also where it is another's", async () => {
      const device = await world.addDevice(organization);
      const other = await world.addDevice(organization);
      const { encodedDigest } = running.desired.set(other.id, 1, Buffer.from("other's secret")) as Bundle;
      const client = await live(device);
      const answer = await client.call("bundle:read", { encodedDigest, offset: 0, length: 10 });
      assert.equal(errorCode(answer), "bundle_gone");
      client.close();
    });

    it("refuses more reads at once than are allowed", async () => {
      const device = await world.addDevice(organization);
      const { encodedDigest } = running.desired.set(device.id, 1, Buffer.alloc(1_000)) as Bundle;
      const client = await live(device);
      const answers = await Promise.all(
        Array.from({ length: 8 }, () => client.call("bundle:read", { encodedDigest, offset: 0, length: 10 })),
      );
      const codes = answers.map(errorCode);
      assert.ok(codes.includes("ok") && codes.includes("busy"), codes.join());
      client.close();
    });
  });

  describe("status:report", () => {
    it("is stored when it is acknowledged, with its objects, history and one event for each transition", async () => {
      const device = await world.addDevice(organization);
      const wire = await assign(device, 1);
      const client = await live(device);
      const object = {
        apiVersion: "v1",
        kind: "ConfigMap",
        namespace: "default",
        name: "settings",
        health: "Current",
        applied: "applied",
      } as const;
      for (const state of ["downloading", "applying", "progressing", "healthy", "healthy"] as const) {
        const report = reportOf(wire, state, { objects: [object], message: `it is ${state}` });
        assert.equal(errorCode(await client.call("status:report", report)), "ok");
        assert.equal((await world.device(device.id)).observed.state, state);
      }
      const { observed } = await world.device(device.id);
      assert.equal(observed.objectCount, 3);
      assert.equal(observed.message, "it is healthy");
      const stored = await revisionOf(device, 1);
      assert.equal(stored?.["state"], "healthy");
      assert.ok(stored?.["finishedAt"] instanceof Date);
      const page = await world.db.collection("deviceObjects").findOne({ _id: `${device.id}:0` as never });
      assert.deepEqual(page?.["objects"], [object]);
      assert.deepEqual(await eventsOf(device), ["device.revision-healthy"]);
      client.close();
    });

    it("tells a failure and a rollback as events", async () => {
      const device = await world.addDevice(organization);
      const wire = await assign(device, 1);
      const client = await live(device);
      await client.call("status:report", reportOf(wire, "failed", { message: "admission webhook said no" }));
      await client.call("status:report", reportOf(wire, "rolled_back", { runningRevision: 0 }));
      assert.deepEqual(await eventsOf(device), ["device.revision-failed", "device.revision-rolled-back"]);
      client.close();
    });

    it("says once that a revision failed, whose reason names it too", async () => {
      const device = await world.addDevice(organization);
      const wire = await assign(device, 1);
      const client = await live(device);
      const message = "revision 1 failed: it was refused";
      await client.call("status:report", reportOf(wire, "failed", { message }));
      const query = { organizationId: device.organizationId, deviceId: device.id, limit: 1 };
      const [event] = await world.store.events.list(query);
      assert.equal(event?.message, "Revision 1 failed: it was refused");
      client.close();
    });

    it("refuses a revision the device was never told of, and a digest that is not the revision's", async () => {
      const device = await world.addDevice(organization);
      const wire = await assign(device, 1);
      const client = await live(device);
      const ahead = await client.call("status:report", { ...reportOf(wire, "healthy"), revision: 2 });
      assert.equal(errorCode(ahead), "revision_unknown");
      const wrong = await client.call("status:report", {
        ...reportOf(wire, "healthy"),
        digest: "0".repeat(64),
      });
      assert.equal(errorCode(wrong), "digest_mismatch");
      const { digest: _digest, ...without } = reportOf(wire, "healthy");
      assert.equal(errorCode(await client.call("status:report", without)), "digest_mismatch");
      assert.equal((await world.device(device.id)).observed.state, null);
      client.close();
    });

    it("acknowledges a late report of an older revision without letting it replace the newer", async () => {
      const device = await world.addDevice(organization);
      const first = await assign(device, 1);
      const second = await assign(device, 2);
      const client = await live(device);
      assert.equal(errorCode(await client.call("status:report", reportOf(second, "applying"))), "ok");
      assert.equal(errorCode(await client.call("status:report", reportOf(first, "failed"))), "ok");
      const { observed } = await world.device(device.id);
      assert.equal(observed.revision, 2);
      assert.equal(observed.state, "applying");
      assert.equal((await revisionOf(device, 1))?.["state"], "failed");
      client.close();
    });

    it("keeps the order of reports that are sent together", async () => {
      const device = await world.addDevice(organization);
      const wire = await assign(device, 1);
      const client = await live(device);
      const states = ["downloading", "applying", "progressing", "healthy", "degraded"] as const;
      const answers = await Promise.all(
        states.map((state) => client.call("status:report", reportOf(wire, state))),
      );
      assert.deepEqual(answers.map(errorCode), ["ok", "ok", "ok", "ok", "ok"]);
      assert.equal((await world.device(device.id)).observed.state, "degraded");
      assert.equal((await revisionOf(device, 1))?.["state"], "degraded");
      assert.deepEqual(await eventsOf(device), ["device.revision-healthy"]);
      client.close();
    });

    it("takes a report of nothing to run", async () => {
      const device = await world.addDevice(organization);
      const client = await live(device);
      const report = { revision: 0, state: "healthy", counts: {} } as const;
      assert.equal(errorCode(await client.call("status:report", report)), "ok");
      assert.equal((await world.device(device.id)).observed.state, "healthy");
      running.desired.wires.set(device.id, { kind: "none", revision: 4 });
      await client.call("desired:get", {});
      assert.equal(errorCode(await client.call("status:report", { ...report, revision: 4 })), "ok");
      assert.equal((await world.device(device.id)).observed.revision, 4);
      client.close();
    });

    it("publishes one update for many reports", async () => {
      const device = await world.addDevice(organization);
      const wire = await assign(device, 1);
      const client = await live(device);
      let updates = 0;
      running.bus.subscribe(
        "device:updated",
        ({ deviceIds }) => (updates += deviceIds.includes(device.id) ? 1 : 0),
      );
      for (let sent = 0; sent < 5; sent += 1) {
        await client.call("status:report", reportOf(wire, "progressing"));
      }
      await eventually(() => assert.ok(updates >= 1));
      assert.ok(updates <= 3, `${updates} updates`);
      client.close();
    });

    it("is not acknowledged when the database goes away, and is when it comes again", async function () {
      this.timeout(60_000);
      const device = await world.addDevice(organization);
      const store = await createStore({ uri: fixture.database.uri });
      const own = await startConnector(world, { connectorId: "own", store });
      try {
        const wire = await assign(device, 1, own);
        const client = await live(device, own);
        await store.close();
        const answer = await client.call("status:report", reportOf(wire, "healthy"));
        assert.equal(errorCode(answer), "internal_error");
        assert.equal((await world.device(device.id)).observed.state, null);
        assert.equal(client.isClosed(), false);
        client.close();
      } finally {
        await own.stop().catch(() => undefined);
      }
      const client = await live(device);
      const wire = running.desired.set(device.id, 1, Buffer.from(`content 1 of ${device.id}`)) as Bundle;
      await client.call("desired:get", {});
      assert.equal(errorCode(await client.call("status:report", reportOf(wire, "healthy"))), "ok");
      assert.equal((await world.device(device.id)).observed.state, "healthy");
      client.close();
    });
  });

  describe("objects:report", () => {
    const object = (index: number) => ({
      apiVersion: "v1",
      kind: "ConfigMap",
      name: `settings-${index}`,
      health: "Current" as const,
      applied: "unchanged" as const,
    });
    const pagesOf = async (device: TestDevice) =>
      (
        await world.db.collection("deviceObjects").find({ deviceId: device.id }).sort({ page: 1 }).toArray()
      ).map((page) => `${page["revision"]}/${page["page"]}/${page["pages"]}`);

    it("replaces a longer set by a shorter one when its last page is there", async () => {
      const device = await world.addDevice(organization);
      await assign(device, 1);
      const client = await live(device);
      for (const page of [0, 1, 2]) {
        await client.call("objects:report", { revision: 1, page, pages: 3, objects: [object(page)] });
      }
      assert.deepEqual(await pagesOf(device), ["1/0/3", "1/1/3", "1/2/3"]);
      for (const page of [0, 1]) {
        await client.call("objects:report", { revision: 1, page, pages: 2, objects: [object(page)] });
      }
      assert.deepEqual(await pagesOf(device), ["1/0/2", "1/1/2"]);
      const wrong = await client.call("objects:report", { revision: 1, page: 2, pages: 2, objects: [] });
      assert.equal(errorCode(wrong), "invalid_payload");
      const ahead = await client.call("objects:report", { revision: 9, page: 0, pages: 1, objects: [] });
      assert.equal(errorCode(ahead), "revision_unknown");
      client.close();
    });
  });

  it("stores reported facts", async () => {
    const device = await world.addDevice(organization);
    const client = await live(device);
    assert.equal(errorCode(await client.call("facts:report", { facts: { memoryBytes: 1_024 } })), "ok");
    assert.deepEqual((await world.device(device.id)).facts, { memoryBytes: 1_024 });
    client.close();
  });

  describe("certificate:renew", () => {
    it("passes the CSR on for the session's device alone, and few times", async () => {
      const device = await world.addDevice(organization);
      const asked: unknown[] = [];
      const own = await startConnector(world, {
        connectorId: "own",
        settings: { renewalBurst: 2 },
        renewer: {
          async renew(request) {
            asked.push(request);
            if (request.csr === "bad") {
              throw new AppError({ code: "csr_invalid", status: 400, message: "The request is not valid." });
            }
            return { certificateChain: "chain", caCertificates: "ca", notAfter: new Date(0) };
          },
        },
      });
      try {
        const client = await live(device, own);
        const answer = await client.call("certificate:renew", { csr: "good" });
        assert.deepEqual(answer, {
          ok: true,
          data: { certificateChain: "chain", caCertificates: "ca", notAfter: "1970-01-01T00:00:00.000Z" },
        });
        assert.deepEqual(asked, [{ organizationId: organization.id, deviceId: device.id, csr: "good" }]);
        assert.equal(errorCode(await client.call("certificate:renew", { csr: "bad" })), "csr_invalid");
        assert.equal(errorCode(await client.call("certificate:renew", { csr: "good" })), "rate_limited");
        // A new session does not start the count anew.
        const again = await live(device, own);
        assert.equal(errorCode(await again.call("certificate:renew", { csr: "good" })), "rate_limited");
        assert.equal(asked.length, 2);
      } finally {
        await own.stop();
      }
    });
  });
});
