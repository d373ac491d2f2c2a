import assert from "node:assert/strict";
import { connect as connectTcp, createServer, type Server, type Socket } from "node:net";
import { limits } from "@rciots/protocol";
import { createMemoryBus } from "@rciots/runtime";
import {
  connectClient,
  createFixture,
  createTlsAgent,
  errorCode,
  refusalOf,
  startConnector,
  type Client,
  type ClientOptions,
  type Running,
  type TestDevice,
  type TestOrganization,
  type World,
} from "./connector-fixture.ts";
import { eventually } from "../harness/eventually.ts";

/** A TCP proxy whose far side falls silent: nothing is forwarded any more, and nothing is closed. */
async function startBlackHole(targetPort: number) {
  const pairs: [Socket, Socket][] = [];
  const server: Server = createServer((near) => {
    const far = connectTcp(targetPort, "127.0.0.1");
    pairs.push([near, far]);
    for (const socket of [near, far]) socket.on("error", () => undefined);
    near.pipe(far).pipe(near);
    near.on("close", () => far.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return {
    port: typeof address === "object" ? (address?.port ?? 0) : 0,
    swallow() {
      for (const [near, far] of pairs) {
        near.unpipe();
        far.unpipe();
        near.resume();
        far.resume();
      }
    },
    async stop() {
      for (const pair of pairs) for (const socket of pair) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe("a device's session", () => {
  let fixture: Awaited<ReturnType<typeof createFixture>>;
  let world: World;
  let organization: TestOrganization;
  let running: Running;

  const at = (device: TestDevice, more: Partial<ClientOptions> = {}): ClientOptions => ({
    url: running.url,
    device,
    ca: world.root.pem,
    ...more,
  });
  const presenceOf = async (device: TestDevice) => (await world.device(device.id)).presence;
  async function live(device: TestDevice, more: Partial<ClientOptions> = {}): Promise<Client> {
    const client = await connectClient(at(device, more));
    assert.equal(errorCode(await client.hello()), "ok");
    return client;
  }
  /** Milliseconds from `change` until the client is cut, and why. */
  async function cutAfter(
    client: Client,
    change: () => Promise<void>,
  ): Promise<{ code: string; ms: number }> {
    await change();
    const from = performance.now();
    const code = await client.closed;
    return { code, ms: performance.now() - from };
  }

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

  it("shows the device online from connect to disconnect, with the facts it gave", async () => {
    const device = await world.addDevice(organization);
    const client = await connectClient(at(device));
    const hello = await client.call("session:hello", {
      versions: [1, 7],
      agentVersion: "1.2.3",
      capabilities: ["tunnels", "commands", "unheard-of"],
      facts: { hostname: "edge\u0000-1", cpuCount: 4 },
    });
    assert.ok(hello.ok);
    const answer = hello.data as { version: number; sessionId: string; desired: unknown };
    assert.equal(answer.version, 1);
    assert.deepEqual(answer.desired, { kind: "none", revision: 0 });
    const { facts, capabilities, presence } = await world.device(device.id);
    assert.deepEqual(facts, { hostname: "edge-1", cpuCount: 4, agentVersion: "1.2.3" });
    assert.deepEqual(capabilities, ["commands", "tunnels"]);
    assert.equal(presence.online, true);
    assert.equal(presence.connectorId, "connector-1");
    assert.equal(presence.sessionId, answer.sessionId);
    assert.equal(presence.epoch, 1);
    client.close();
    await eventually(async () => assert.equal((await presenceOf(device)).online, false));
  });

  it("ends with version_unsupported where both ends share no version", async () => {
    const client = await connectClient(at(await world.addDevice(organization)));
    const hello = await client.call("session:hello", {
      versions: [999],
      agentVersion: "x",
      capabilities: [],
      facts: {},
    });
    assert.equal(errorCode(hello), "version_unsupported");
    assert.equal(await client.closed, "version_unsupported");
  });

  describe("when the device comes again", () => {
    it("lets the newest session win, and the end of the old one leaves it online", async () => {
      const device = await world.addDevice(organization);
      const first = await live(device);
      const second = await live(device);
      assert.equal(await first.closed, "superseded");
      const presence = await presenceOf(device);
      assert.equal(presence.online, true);
      assert.equal(presence.epoch, 2);
      assert.equal(errorCode(await second.call("desired:get", {})), "ok");
      second.close();
      await eventually(async () => assert.equal((await presenceOf(device)).online, false));
    });

    it("leaves exactly one session of twenty that begin together", async () => {
      const device = await world.addDevice(organization);
      const tries = await Promise.allSettled(Array.from({ length: 20 }, () => connectClient(at(device))));
      const clients = tries.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
      await eventually(() => assert.equal(clients.filter((client) => !client.isClosed()).length, 1));
      const [winner] = clients.filter((client) => !client.isClosed());
      const hello = await winner?.hello();
      assert.ok(hello?.ok);
      const presence = await presenceOf(device);
      assert.equal(presence.sessionId, (hello.data as { sessionId: string }).sessionId);
      assert.equal(presence.online, true);
      assert.equal(presence.epoch, 20);
      winner?.close();
    });

    it("ends the session that another connector holds", async () => {
      const bus = createMemoryBus();
      const one = await startConnector(world, { connectorId: "one", bus });
      const two = await startConnector(world, { connectorId: "two", bus });
      try {
        const device = await world.addDevice(organization);
        const first = await live(device, { url: one.url });
        const second = await live(device, { url: two.url });
        assert.equal(await first.closed, "superseded");
        assert.equal((await presenceOf(device)).connectorId, "two");
        assert.equal((await presenceOf(device)).online, true);
        second.close();
        await eventually(async () => assert.equal((await presenceOf(device)).online, false));
      } finally {
        await Promise.all([one.stop(), two.stop()]);
      }
    });

    it("finds that without the hint too", async () => {
      const settings = { patrolIntervalMs: 300 };
      const one = await startConnector(world, { connectorId: "one", settings });
      const two = await startConnector(world, { connectorId: "two", settings });
      try {
        const device = await world.addDevice(organization);
        const first = await live(device, { url: one.url });
        const second = await live(device, { url: two.url });
        assert.equal(await first.closed, "superseded");
        assert.equal(second.isClosed(), false);
      } finally {
        await Promise.all([one.stop(), two.stop()]);
      }
    });
  });

  describe("when the device loses its right", () => {
    const publish = (device: TestDevice): void =>
      running.bus.publish("device:access-changed", {
        organizationId: device.organizationId,
        deviceId: device.id,
      });
    const setStatus = (device: TestDevice, set: object) =>
      world.db.collection("devices").updateOne({ _id: device.id as never }, { $set: set });

    it("is cut within a second of the revocation", async () => {
      const device = await world.addDevice(organization);
      const cut = await cutAfter(await live(device), async () => {
        await world.store.certificates.revoke(device.serial, "keyCompromise");
        publish(device);
      });
      assert.equal(cut.code, "certificate_revoked");
      assert.ok(cut.ms < 1_000, `${cut.ms} ms`);
    });

    it("is cut within a second on a resumed TLS session too, and is refused afterwards", async () => {
      const device = await world.addDevice(organization);
      const agent = createTlsAgent({ device, ca: world.root.pem });
      const first = await live(device, { agent });
      first.close();
      await first.closed;
      const before = running.connector.stats().edge["resumed"] ?? 0;
      const cut = await cutAfter(await live(device, { agent }), async () => {
        await setStatus(device, { status: "disabled" });
        publish(device);
      });
      assert.equal(running.connector.stats().edge["resumed"], before + 1);
      assert.equal(cut.code, "device_disabled");
      assert.ok(cut.ms < 1_000, `${cut.ms} ms`);
      assert.equal(await refusalOf(at(device, { agent })), "device_disabled");
      assert.equal(running.connector.stats().edge["resumed"], before + 2);
    });

    it("is cut even where the peer neither reads nor closes", async () => {
      const device = await world.addDevice(organization);
      const hole = await startBlackHole(running.connector.address()?.port ?? 0);
      try {
        await live(device, { url: `https://localhost:${hole.port}` });
        hole.swallow();
        const before = running.connector.stats().edge["open"] ?? 0;
        await setStatus(device, { status: "disabled" });
        const from = performance.now();
        publish(device);
        await eventually(() => assert.ok((running.connector.stats().edge["open"] ?? 0) < before), {
          intervalMs: 10,
        });
        assert.ok(performance.now() - from < 1_000);
        await eventually(async () => assert.equal((await presenceOf(device)).online, false));
      } finally {
        await hole.stop();
      }
    });

    it("is cut without the hint by the patrol", async () => {
      const own = await startConnector(world, { connectorId: "own", settings: { patrolIntervalMs: 300 } });
      try {
        const device = await world.addDevice(organization);
        const cut = await cutAfter(await live(device, { url: own.url }), async () => {
          await setStatus(device, { status: "disabled" });
        });
        assert.equal(cut.code, "device_disabled");
        assert.ok(cut.ms < 2_000, `${cut.ms} ms`);
      } finally {
        await own.stop();
      }
    });

    it("is cut when the organisation is suspended", async () => {
      const suspended = await world.addOrganization();
      const device = await world.addDevice(suspended);
      const cut = await cutAfter(await live(device), async () => {
        await world.db
          .collection("organizations")
          .updateOne({ _id: suspended.id as never }, { $set: { status: "suspended" } });
        running.bus.publish("organization:changed", { organizationId: suspended.id });
      });
      assert.equal(cut.code, "organization_suspended");
      assert.ok(cut.ms < 1_000, `${cut.ms} ms`);
    });

    it("is told to decommission and then cut", async () => {
      const device = await world.addDevice(organization);
      const client = await live(device);
      const cut = await cutAfter(client, async () => {
        await setStatus(device, {
          status: "decommissioned",
          decommission: { wipeWorkloads: false, requestedAt: new Date() },
        });
        publish(device);
      });
      assert.equal(cut.code, "device_decommissioned");
      assert.deepEqual(client.received.map(({ event, payload }) => [event, payload]).at(0), [
        "device:decommission",
        { wipeWorkloads: false },
      ]);
    });

    it("is cut when its certificate ends during the session", async () => {
      let offsetMs = 0;
      const own = await startConnector(world, {
        connectorId: "own",
        settings: { patrolIntervalMs: 200 },
        now: () => Date.now() + offsetMs,
      });
      try {
        const device = await world.addDevice(organization);
        const client = await live(device, { url: own.url });
        offsetMs = 91 * 86_400_000;
        assert.equal(await client.closed, "certificate_expired");
      } finally {
        await own.stop();
      }
    });
  });

  it("asks a device of a superseded CA to renew", async () => {
    const rotated = await world.addOrganization();
    const device = await world.addDevice(rotated);
    const own = await startConnector(world, { connectorId: "own", settings: { patrolIntervalMs: 50 } });
    try {
      const client = await live(device, { url: own.url });
      await world.store.authorities.setStatus(rotated.authorityId, "accepted");
      await world.addAuthority(rotated.id);
      await eventually(() => assert.ok(client.received.some(({ event }) => event === "certificate:expire")));
      assert.equal(client.isClosed(), false);
      client.close();
    } finally {
      await own.stop();
    }
  });

  describe("when the path goes dead", () => {
    it("notices a black hole within ping interval and timeout", async () => {
      const settings = { pingIntervalMs: 300, pingTimeoutMs: 400 };
      const own = await startConnector(world, { connectorId: "own", settings });
      const hole = await startBlackHole(own.connector.address()?.port ?? 0);
      try {
        const device = await world.addDevice(organization);
        await live(device, { url: `https://localhost:${hole.port}` });
        hole.swallow();
        const from = performance.now();
        await eventually(async () => assert.equal((await presenceOf(device)).online, false));
        assert.ok(performance.now() - from < 700 + 500, "in interval and timeout");
      } finally {
        await hole.stop();
        await own.stop();
      }
    });

    it("takes less than 30 s with the contract's values", () => {
      // The ping may have gone out just before; then a whole interval passes until the next one.
      assert.ok(limits.pingIntervalMs + limits.pingTimeoutMs < 30_000);
    });
  });

  describe("when a connector dies", () => {
    it("marks what its former life left online offline at the start", async () => {
      const device = await world.addDevice(organization);
      await world.db.collection("devices").updateOne(
        { _id: device.id as never },
        {
          $set: {
            "presence.online": true,
            "presence.connectorId": "reborn",
            "presence.sessionId": "ses_00000000000000000000000000",
          },
        },
      );
      const reborn = await startConnector(world, { connectorId: "reborn" });
      try {
        assert.equal((await presenceOf(device)).online, false);
      } finally {
        await reborn.stop();
      }
    });

    it("has its devices marked offline by another one once its lease lapsed", async () => {
      const device = await world.addDevice(organization);
      await world.db.collection("devices").updateOne(
        { _id: device.id as never },
        {
          $set: {
            "presence.online": true,
            "presence.connectorId": "dead",
            "presence.sessionId": "ses_00000000000000000000000001",
          },
        },
      );
      await world.store.leases.claim("connector:dead", "dead", 300);
      const alive = await startConnector(world, { connectorId: "alive", settings: { sweepIntervalMs: 100 } });
      try {
        await eventually(async () => assert.equal((await presenceOf(device)).online, false));
        assert.deepEqual(await world.store.leases.expired("connector:"), []);
      } finally {
        await alive.stop();
      }
    });

    it("takes its devices back where it was only slow", async () => {
      const slow = await startConnector(world, { connectorId: "slow", settings: { patrolIntervalMs: 200 } });
      try {
        const device = await world.addDevice(organization);
        const client = await live(device, { url: slow.url });
        const { sessionId } = await presenceOf(device);
        await world.store.deviceSessions.lapse(
          [{ deviceId: device.id, sessionId: sessionId ?? "" }],
          new Date(),
        );
        await eventually(async () => assert.equal((await presenceOf(device)).online, true));
        assert.equal(client.isClosed(), false);
        client.close();
      } finally {
        await slow.stop();
      }
    });
  });

  it("is sent elsewhere in its turn where others take it, and served until then", async () => {
    const own = await startConnector(world, { connectorId: "moving", settings: { drainMoveMs: 1_500 } });
    const devices = await Promise.all(Array.from({ length: 10 }, () => world.addDevice(organization)));
    const clients = await Promise.all(devices.map((device) => live(device, { url: own.url })));
    const ends: number[] = [];
    const startedAt = performance.now();
    for (const client of clients) void client.closed.then(() => ends.push(performance.now() - startedAt));
    const stopped = own.stop();
    await eventually(() => assert.notEqual(ends.length, 0));
    assert.ok(ends.length < 10, "not all at once");
    const waiting = clients.find((client) => !client.isClosed());
    assert.equal(waiting && errorCode(await waiting.call("desired:get", {})), "ok");
    await stopped;
    await Promise.all(clients.map((client) => client.closed));
    assert.ok(Math.max(...ends) - Math.min(...ends) > 700, ends.join(" "));
    for (const client of clients) {
      const close = client.received.find(({ event }) => event === "session:close");
      const { code, retryAfterMs } = close?.payload as { code: string; retryAfterMs: number };
      assert.equal(code, "draining");
      assert.ok(retryAfterMs < 100, "there is somewhere else to go at once");
    }
    for (const device of devices) assert.equal((await presenceOf(device)).online, false);
  });

  it("is told to come back later when the connector stops, and is offline then", async () => {
    const own = await startConnector(world, { connectorId: "own" });
    const devices = await Promise.all(Array.from({ length: 5 }, () => world.addDevice(organization)));
    const clients = await Promise.all(devices.map((device) => live(device, { url: own.url })));
    await own.stop();
    assert.deepEqual(
      new Set(await Promise.all(clients.map((client) => client.closed))),
      new Set(["draining"]),
    );
    const pauses = clients.map((client) => {
      const close = client.received.find(({ event }) => event === "session:close");
      return (close?.payload as { retryAfterMs: number }).retryAfterMs;
    });
    assert.ok(new Set(pauses).size > 1, "spread");
    for (const device of devices) assert.equal((await presenceOf(device)).online, false);
    assert.deepEqual(await world.store.leases.active("connector:own"), []);
  });
});
