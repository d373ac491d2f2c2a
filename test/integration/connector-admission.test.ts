import assert from "node:assert/strict";
import { request } from "node:https";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { createIntermediateCa, createRootCa } from "@rciots/ca";
import { newId, newToken } from "@rciots/runtime";
import {
  ConnectRefused,
  connectClient,
  createFixture,
  createTlsAgent,
  errorCode,
  refusalOf,
  startConnector,
  type ClientOptions,
  type Running,
  type TestDevice,
  type TestOrganization,
  type World,
} from "./connector-fixture.ts";
import { eventually } from "../harness/eventually.ts";

const dayMs = 86_400_000;

describe("admission to the channel", () => {
  let fixture: Awaited<ReturnType<typeof createFixture>>;
  let world: World;
  let running: Running;
  let organization: TestOrganization;
  let offsetMs = 0;

  const at = (device: ClientOptions["device"], more: Partial<ClientOptions> = {}): ClientOptions => ({
    url: running.url,
    device,
    ca: world.root.pem,
    ...more,
  });

  before(async () => {
    fixture = await createFixture();
    ({ world } = fixture);
    organization = await world.addOrganization();
    running = await startConnector(world, { now: () => Date.now() + offsetMs });
  });
  beforeEach(() => (offsetMs = 0));
  after(async () => {
    await running?.stop();
    await fixture?.stop();
  });

  it("takes a device whose certificate, token and status are good", async () => {
    const client = await connectClient(at(await world.addDevice(organization)));
    assert.equal(errorCode(await client.hello()), "ok");
    client.close();
  });

  describe("when the certificate is not the device's", () => {
    it("refuses a stolen token shown with another device's certificate", async () => {
      const victim = await world.addDevice(organization);
      const thief = await world.addDevice(organization);
      const auth = { deviceId: victim.id, deviceToken: victim.token };
      assert.equal(await refusalOf(at(thief, { auth })), "certificate_wrong_device");
    });

    it("refuses a certificate with another device's token", async () => {
      const device = await world.addDevice(organization);
      const other = await world.addDevice(organization);
      const auth = { deviceId: device.id, deviceToken: other.token };
      assert.equal(await refusalOf(at(device, { auth })), "device_token_invalid");
    });

    it("refuses a certificate that another organisation's CA issued for the same device id", async () => {
      const device = await world.addDevice(organization);
      const stranger = await world.addOrganization();
      const forged = await world.issue({ id: device.id, organizationId: stranger.id }, stranger.issuer);
      assert.equal(await refusalOf(at({ ...device, ...forged })), "certificate_wrong_organization");
    });

    it("refuses a certificate of our CA that no record speaks of", async () => {
      const device = await world.addDevice(organization);
      const unrecorded = await world.issue(device, organization.issuer, { record: false });
      assert.equal(await refusalOf(at({ ...device, ...unrecorded })), "certificate_invalid");
    });

    it("refuses a revoked certificate", async () => {
      const device = await world.addDevice(organization);
      await world.store.certificates.revoke(device.serial, "keyCompromise");
      assert.equal(await refusalOf(at(device)), "certificate_revoked");
    });

    it("refuses a certificate of a retired intermediate", async () => {
      const rotated = await world.addOrganization();
      const device = await world.addDevice(rotated);
      await world.store.authorities.setStatus(rotated.authorityId, "retired");
      await running.stop();
      running = await startConnector(world, { now: () => Date.now() + offsetMs });
      assert.equal(await refusalOf(at(device)), "certificate_invalid");
    });

    it("refuses a certificate of an intermediate the store does not know, though the root signed it", async () => {
      const device = await world.addDevice(organization);
      const issuer = createIntermediateCa({
        root: world.root,
        organizationId: organization.id,
        name: "Unknown",
      });
      const odd = await world.issue(device, issuer);
      assert.equal(await refusalOf(at({ ...device, ...odd })), "certificate_invalid");
    });

    it("tells a device whose certificate expired so", async () => {
      const device = await world.addDevice(organization);
      const expired = await world.issue(device, organization.issuer, {
        now: new Date(Date.now() - 2 * dayMs),
        validityMs: dayMs,
      });
      assert.equal(await refusalOf(at({ ...device, ...expired })), "certificate_expired");
    });

    it("refuses an expired certificate on a resumed TLS session too", async () => {
      const device = await world.addDevice(organization);
      const agent = createTlsAgent({ device, ca: world.root.pem });
      const client = await connectClient(at(device, { agent }));
      await client.hello();
      client.close();
      await client.closed;
      const before = running.connector.stats().edge["resumed"] ?? 0;
      offsetMs = 120 * dayMs;
      assert.equal(await refusalOf(at(device, { agent })), "certificate_expired");
      assert.equal(running.connector.stats().edge["resumed"], before + 1);
    });
  });

  describe("when the chain does not lead to our root", () => {
    /** Resolves when the peer closed the connection without a word of HTTP. */
    async function answerTo(tls: object): Promise<string> {
      const { port } = running.connector.address() ?? { port: 0 };
      const socket: TLSSocket = connectTls({
        host: "127.0.0.1",
        port,
        servername: "localhost",
        ca: world.root.pem,
        ...tls,
      });
      return new Promise((resolve) => {
        let text = "";
        socket.on("error", () => undefined);
        socket.on("data", (bytes) => (text += bytes.toString()));
        socket.on("close", () => resolve(text));
        socket.on("secureConnect", () => socket.write("GET /channel/ HTTP/1.1\r\nhost: localhost\r\n\r\n"));
      });
    }

    it("cuts a peer without a certificate before HTTP", async () => {
      assert.equal(await answerTo({}), "");
    });

    it("cuts a peer of a foreign PKI before HTTP", async () => {
      const root = createRootCa({ name: "Foreign root" });
      const issuer = createIntermediateCa({ root, organizationId: organization.id, name: "Foreign" });
      const device = await world.addDevice(organization);
      const foreign = await world.issue(device, issuer);
      assert.equal(await answerTo({ key: foreign.keyPem, cert: foreign.chainPem }), "");
      assert.equal(await answerTo({ key: foreign.keyPem, cert: foreign.chainPem + root.pem }), "");
    });

    it("answers a good peer over HTTP, with 404 outside of the channel", async () => {
      const device = await world.addDevice(organization);
      const status = await new Promise<number | undefined>((resolve, reject) => {
        const agent = createTlsAgent({ device, ca: world.root.pem });
        request(`${running.url}/other`, { agent }, (response) => resolve(response.statusCode))
          .on("error", reject)
          .end();
      });
      assert.equal(status, 404);
    });

    it("refuses TLS 1.1", async () => {
      const device = await world.addDevice(organization);
      const tls = { key: device.keyPem, cert: device.chainPem, minVersion: "TLSv1", maxVersion: "TLSv1.1" };
      assert.equal(await answerTo({ ...tls, ciphers: "DEFAULT:@SECLEVEL=0" }), "");
    });
  });

  describe("when the device may not connect", () => {
    const statuses = {
      pending: "device_pending",
      denied: "device_denied",
      disabled: "device_disabled",
    } as const;
    for (const [status, code] of Object.entries(statuses)) {
      it(`refuses a ${status} device with ${code}`, async () => {
        const device = await world.addDevice(organization, { status: status as "pending" });
        assert.equal(await refusalOf(at(device)), code);
      });
    }

    it("refuses a device that does not exist", async () => {
      const id = newId("dev");
      const made = await world.issue({ id, organizationId: organization.id }, organization.issuer);
      assert.equal(await refusalOf(at({ id, token: newToken("rcd"), ...made })), "device_not_found");
    });

    it("refuses a device of a suspended organisation", async () => {
      const suspended = await world.addOrganization();
      const device = await world.addDevice(suspended);
      await world.db
        .collection("organizations")
        .updateOne({ _id: suspended.id as never }, { $set: { status: "suspended" } });
      assert.equal(await refusalOf(at(device)), "organization_suspended");
    });

    it("tells a decommissioned device so, after it proved who it is, and lets it do nothing else", async () => {
      const device = await world.addDevice(organization, {
        status: "decommissioned",
        decommission: { wipeWorkloads: true, requestedAt: new Date() },
      });
      await world.store.certificates.revoke(device.serial, "cessationOfOperation");
      const client = await connectClient(at(device));
      assert.equal(await client.closed, "device_decommissioned");
      assert.deepEqual(client.received[0], {
        event: "device:decommission",
        payload: { wipeWorkloads: true },
      });
      assert.equal((await world.device(device.id)).presence.online, false);
    });

    it("stores an event for the operator, once for many tries", async () => {
      const device = await world.addDevice(organization, { status: "disabled" });
      for (let tries = 0; tries < 3; tries += 1) await refusalOf(at(device));
      const list = () =>
        world.store.events.list({ organizationId: organization.id, deviceId: device.id, limit: 10 });
      await eventually(async () => assert.equal((await list()).length, 1));
      assert.equal((await list())[0]?.details["code"], "device_disabled");
    });
  });

  describe("when `auth` is not what it should be", () => {
    for (const [what, auth] of Object.entries<Record<string, unknown>>({
      nothing: {},
      "an object for an id": { deviceId: { $ne: null }, deviceToken: "x".repeat(40) },
      "a field too much": { deviceId: newId("dev"), deviceToken: "x".repeat(40), pid: "x", offset: "y" },
      "a token of a megabyte": { deviceId: newId("dev"), deviceToken: "x".repeat(900_000) },
    })) {
      it(`refuses ${what}`, async () => {
        const device = await world.addDevice(organization);
        assert.equal(await refusalOf(at(device, { auth })), "device_token_invalid");
      });
    }

    it("takes one CONNECT packet per connection", async () => {
      const client = await connectClient(at(await world.addDevice(organization)));
      client.socket.io.engine.write('[0,{"deviceId":"a","deviceToken":"b"}]');
      assert.equal(await client.closed, "transport close");
    });
  });

  describe("when the connector is full", () => {
    it("answers busy with a time to come back, and takes the device when there is room", async () => {
      const small = await startConnector(world, { connectorId: "small", settings: { maxSessions: 1 } });
      try {
        const first = await world.addDevice(organization);
        const second = await world.addDevice(organization);
        const client = await connectClient(at(first, { url: small.url }));
        await assert.rejects(connectClient(at(second, { url: small.url })), (error) => {
          assert.ok(error instanceof ConnectRefused);
          assert.equal(error.data?.code, "busy");
          assert.ok((error.data?.retryAfterMs ?? 0) > 0);
          return true;
        });
        client.close();
        await eventually(async () => {
          assert.equal(await refusalOf(at(second, { url: small.url })), "admitted");
        });
      } finally {
        await small.stop();
      }
    });

    it("sheds connections before TLS when too many handshakes are under way", async () => {
      const shy = await startConnector(world, { connectorId: "shy", settings: { maxHandshakes: 0 } });
      try {
        await assert.rejects(connectClient(at(await world.addDevice(organization), { url: shy.url })));
        assert.ok((shy.connector.stats().edge["shed"] ?? 0) > 0);
      } finally {
        await shy.stop();
      }
    });

    it("answers busy when the database can't be asked", async () => {
      const store = {
        ...world.store,
        deviceSessions: {
          ...world.store.deviceSessions,
          findStandings: () => Promise.reject(new Error("no database")),
        },
      };
      const blind = await startConnector(world, { connectorId: "blind", store });
      try {
        assert.equal(await refusalOf(at(await world.addDevice(organization), { url: blind.url })), "busy");
      } finally {
        await blind.stop();
      }
    });
  });

  it("leaves no loop or lease behind where its port is taken", async () => {
    const port = running.connector.address()?.port ?? 0;
    await assert.rejects(startConnector(world, { connectorId: "late", port }), /EADDRINUSE/);
    assert.deepEqual(await world.store.leases.active("connector:late"), []);
  });

  describe("TLS session tickets", () => {
    const resumed = (of: Running) => of.connector.stats().edge["resumed"] ?? 0;

    async function visit(
      of: Running,
      device: TestDevice,
      agent: ClientOptions["agent"] & object,
    ): Promise<void> {
      const client = await connectClient(at(device, { url: of.url, agent }));
      assert.equal(errorCode(await client.hello()), "ok");
      client.close();
      await client.closed;
    }

    for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
      it(`resume ${version} sessions on another connector, after a restart and after a new certificate`, async () => {
        const device = await world.addDevice(organization);
        const first = await startConnector(world, { connectorId: "ticket-1" });
        const { port } = first.connector.address() ?? { port: 0 };
        // An agent keeps sessions by host and port: all connectors of this test take turns at one port.
        const agent = createTlsAgent(
          { device, ca: world.root.pem },
          { minVersion: version, maxVersion: version },
        );
        await visit(first, device, agent);
        await visit(first, device, agent);
        assert.equal(resumed(first), 1);
        world.edgeTls.replace(world.edgeTls.current());
        await visit(first, device, agent);
        assert.equal(resumed(first), 2);
        await first.stop();
        const second = await startConnector(world, { connectorId: "ticket-2", port });
        try {
          await visit(second, device, agent);
          assert.equal(resumed(second), 1);
        } finally {
          await second.stop();
        }
      });
    }

    it("get new keys where the stored ones can't be opened any more", async () => {
      await world.store.platformValues.set("tls-ticket-keys", "sealed with a key that is lost");
      const started = await Promise.all(
        ["lost-1", "lost-2"].map((connectorId) => startConnector(world, { connectorId })),
      );
      try {
        const device = await world.addDevice(organization);
        const agent = createTlsAgent({ device, ca: world.root.pem });
        for (const one of started) await visit(one, device, agent);
      } finally {
        await Promise.all(started.map((one) => one.stop()));
      }
    });

    it("get new keys when theirs are old, on every connector", async () => {
      let later = 0;
      const settings = { ticketKeyLifetimeMs: 3_600_000, ticketKeyCheckMs: 50 };
      const options = { settings, now: () => Date.now() + later };
      const first = await startConnector(world, { connectorId: "rotate-1", ...options });
      const second = await startConnector(world, { connectorId: "rotate-2", ...options });
      try {
        const stored = () => world.store.platformValues.get("tls-ticket-keys");
        const before = await stored();
        assert.ok(before !== undefined && !before.includes("keys"), "sealed at rest");
        later = 3_700_000;
        await eventually(async () => assert.notEqual(await stored(), before));
        const device = await world.addDevice(organization);
        const agent = createTlsAgent({ device, ca: world.root.pem });
        await visit(first, device, agent);
        assert.equal(resumed(first), 0);
      } finally {
        await first.stop();
        await second.stop();
      }
    });
  });
});
