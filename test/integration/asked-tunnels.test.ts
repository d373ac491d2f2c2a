import assert from "node:assert/strict";
import { createServer, type Server } from "node:net";
import type { Ack, AskedTunnel, AskedTunnelAnswer } from "@rciots/protocol";
import { tunnelRequestCapability } from "@rciots/protocol";
import { createMemoryBus, newId, type Bus } from "@rciots/runtime";
import type { NewTunnel } from "@rciots/store";
import { eventually } from "../harness/eventually.ts";
import { freePortRange } from "../harness/platform-process.ts";
import {
  connectClient,
  createFixture,
  errorCode,
  startConnector,
  type Client,
  type Running,
  type TestDevice,
  type TestOrganization,
} from "./connector-fixture.ts";

type Fixture = Awaited<ReturnType<typeof createFixture>>;

const to = (port: number, change: Partial<AskedTunnel> = {}): AskedTunnel => ({
  target: { host: "127.0.0.1", port },
  ...change,
});
const clusterApi = { viewer: "none", operator: "none", admin: "none", owner: "none" } as const;
const allowFrom = ["127.0.0.0/8"];

function answersOf(ack: Ack): AskedTunnelAnswer[] {
  assert.ok(ack.ok, JSON.stringify(ack));
  return (ack.data as { tunnels: AskedTunnelAnswer[] }).tunnels;
}

describe("when devices ask for tunnels", function () {
  this.timeout(60_000);
  let fixture: Fixture;
  let bus: Bus;
  let running: Running;
  let organization: TestOrganization;
  let device: TestDevice;
  let client: Client;
  let first: number;
  const clients: Client[] = [];

  before(async () => {
    fixture = await createFixture();
    first = await freePortRange(201);
    bus = createMemoryBus();
    running = await startConnector(fixture.world, { bus, tunnels: { host: "127.0.0.1", ports: range() } });
  });
  after(async () => {
    for (const each of clients) each.close();
    await running.stop();
    await fixture.stop();
  });
  beforeEach(async () => {
    organization = await fixture.world.addOrganization();
    device = await fixture.world.addDevice(organization);
    await allow({ allowFrom });
    client = await connect();
  });
  afterEach(async () => {
    client.close();
    await fixture.world.store.tunnels.removeOfDevice(organization.id, device.id);
  });

  const range = () => ({ first, last: first + 200 });
  const store = () => fixture.world.store;

  async function connect(
    capabilities = ["tunnels", tunnelRequestCapability],
    url = running.url,
  ): Promise<Client> {
    const connected = await connectClient({ url, device, ca: fixture.world.root.pem, capabilities });
    clients.push(connected);
    assert.equal(errorCode(await connected.hello()), "ok");
    return connected;
  }

  async function allow(deviceTunnels: { allowFrom: string[] } | null): Promise<void> {
    const version = (await store().organizations.find(organization.id))?.remoteAccess?.version ?? 0;
    await store().organizations.replaceRemoteAccess(organization.id, version, { clusterApi, deviceTunnels });
    bus.publish("organization:changed", { organizationId: organization.id });
  }

  const ask = (tunnels: AskedTunnel[], by = client) => by.call("tunnels:ask", { tunnels });
  const askFor = async (...tunnels: AskedTunnel[]) => answersOf(await ask(tunnels));
  const stored = () => store().tunnels.askedByDevices([device.id]);
  const portsOf = (tunnels: { port?: number | undefined }[]) => tunnels.map(({ port }) => port);
  const events = async (kind: string) =>
    (await store().events.list({ organizationId: organization.id, limit: 100 })).filter(
      (event) => event.kind === kind,
    );

  async function insertOfPerson(port: number): Promise<NewTunnel> {
    const tunnel: NewTunnel = {
      ...to(22),
      _id: newId("tun"),
      organizationId: organization.id,
      deviceId: device.id,
      name: "",
      listenHost: null,
      port,
      allowFrom: ["10.0.0.0/8"],
      protocol: null,
      maxConnections: 1,
      idleTimeoutMs: null,
      closesAt: null,
      createdBy: "usr_test",
      createdAt: new Date(),
      version: 1,
    };
    await store().tunnels.insert(tunnel);
    return tunnel;
  }

  it("opens each, and says on which port; asked again, nothing changes", async () => {
    const wanted = [to(22, { port: first + 1 }), to(80), to(80, { listenHost: "127.0.0.1" })];
    const answers = await askFor(...wanted);
    assert.ok(answers.every(({ state }) => state === "open"));
    assert.equal(answers[0]?.port, first + 1);
    const before = await stored();
    assert.deepEqual(portsOf(before).sort(), portsOf(answers).sort());
    assert.ok(before.every((tunnel) => tunnel.requestedBy === "device" && tunnel.createdBy === device.id));
    assert.deepEqual(before[0]?.allowFrom, allowFrom);
    assert.deepEqual(await askFor(...wanted), answers);
    assert.deepEqual((await stored()).map(({ _id }) => _id).sort(), before.map(({ _id }) => _id).sort());
    const opened = await events("tunnel.opened");
    assert.equal(opened.length, 3);
    assert.deepEqual([opened[0]?.actor.kind, opened[0]?.actor.id], ["device", device.id]);
  });

  it("closes what is not named any more, before another one takes its port, and nothing of a person's", async () => {
    const mine = await insertOfPerson(first + 9);
    await askFor(to(22, { port: first + 1 }), to(80, { port: first + 2 }));
    const answers = await askFor(to(443, { port: first + 1 }));
    assert.deepEqual(answers, [{ state: "open", port: first + 1 }]);
    assert.deepEqual(
      (await stored()).map(({ target }) => target.port),
      [443],
    );
    const closed = await events("tunnel.closed");
    assert.deepEqual(closed.map(({ details }) => details["port"]).sort(), [first + 1, first + 2].sort());
    assert.match(closed[0]?.message ?? "", /doesn't ask for it any more/);
    assert.equal(closed[0]?.actor.kind, "device");
    assert.deepEqual(await askFor(), []);
    assert.ok((await store().tunnels.find(organization.id, device.id, mine._id)) !== null);
  });

  it("refuses with a reason what can't be had, and opens the rest", async () => {
    await insertOfPerson(first + 9);
    const other: Server = createServer().listen(first + 5, "127.0.0.1");
    await new Promise((resolve) => other.once("listening", resolve));
    const answers = await askFor(
      to(22, { port: 1 }),
      to(22, { port: first + 9 }),
      to(22, { port: first + 5 }),
      to(22, { port: first + 3, listenHost: "0.0.0.0" }),
      to(22, { port: first + 4 }),
    );
    other.close();
    assert.deepEqual(
      answers.map(({ state, code }) => code ?? state),
      ["port_out_of_range", "port_taken", "port_taken", "listen_host_not_allowed", "open"],
    );
    assert.match(answers[2]?.message ?? "", /EADDRINUSE/);
    assert.deepEqual(portsOf(await stored()), [first + 4]);
  });

  it("opens none where the organisation doesn't allow it, and closes what there is", async () => {
    await askFor(to(22));
    await allow(null);
    await eventually(() => assert.ok(client.received.some(({ event }) => event === "tunnels:changed")));
    const [answer] = await askFor(to(22));
    assert.deepEqual([answer?.state, answer?.code], ["refused", "tunnels_not_allowed"]);
    assert.deepEqual(await stored(), []);
    await allow({ allowFrom: ["10.0.0.0/8"] });
    await eventually(() =>
      assert.equal(client.received.filter(({ event }) => event === "tunnels:changed").length, 2),
    );
    assert.equal((await askFor(to(22)))[0]?.state, "open");
    assert.deepEqual((await stored())[0]?.allowFrom, ["10.0.0.0/8"]);
  });

  it("lets the networks of the organisation in, also to what was opened under others", async () => {
    const [before] = await askFor(to(22));
    await allow({ allowFrom: ["192.0.2.0/24"] });
    assert.deepEqual(await askFor(to(22)), [before]);
    assert.deepEqual((await stored())[0]?.allowFrom, ["192.0.2.0/24"]);
  });

  it("is told of nothing where only the organisation's name has changed", async () => {
    await askFor(to(22));
    bus.publish("organization:changed", { organizationId: organization.id });
    await askFor(to(22));
    assert.ok(!client.received.some(({ event }) => event === "tunnels:changed"));
  });

  it("makes each once, however many ask at the same time", async () => {
    const acks = await Promise.all(
      Array.from({ length: 8 }, () => ask([to(22), to(80, { port: first + 2 })])),
    );
    const codes = new Set(acks.map(errorCode));
    assert.ok(codes.has("ok"));
    codes.delete("ok");
    codes.delete("busy");
    assert.deepEqual([...codes], []);
    assert.equal((await stored()).length, 2);
  });

  it("listens to the newest session alone, also where the former one is with another connector", async () => {
    const settings = { bus, connectorId: "connector-2", tunnels: { host: "127.0.0.1", ports: range() } };
    const second = await startConnector(fixture.world, settings);
    try {
      const early = ask([to(22)]).catch(() => undefined);
      const newer = await connect(undefined, second.url);
      const late = ask([to(22), to(80)]).catch(() => undefined);
      await eventually(async () => {
        const answers = answersOf(await ask([to(22)], newer));
        assert.deepEqual(
          answers.map(({ state }) => state),
          ["open"],
        );
      });
      await Promise.all([early, late]);
      await client.closed;
      assert.equal((await stored()).length, 1);
      newer.close();
    } finally {
      await second.stop();
    }
  });

  it("closes what a device asked for whose agent asks for none any more, or is too old to", async () => {
    await askFor(to(22));
    client.close();
    client = await connect(["tunnels"]);
    await eventually(async () => assert.equal((await events("tunnel.closed")).length, 1));
    assert.deepEqual(await stored(), []);
  });

  it("comes back on its port with the device and with the connector", async () => {
    const [answer] = await askFor(to(22));
    client.close();
    await eventually(async () => assert.deepEqual((await stored())[0]?.reports, {}));
    client = await connect();
    await eventually(async () => assert.equal((await stored())[0]?.state, "open"));
    await running.stop();
    running = await startConnector(fixture.world, { bus, tunnels: { host: "127.0.0.1", ports: range() } });
    client = await connect();
    assert.deepEqual(await askFor(to(22)), [answer]);
    assert.equal((await events("tunnel.opened")).length, 1);
  });

  it("is refused each where the platform listens for none", async () => {
    const off = await startConnector(fixture.world, { connectorId: "connector-3" });
    const other = await connect(undefined, off.url);
    const [answer] = answersOf(await ask([to(22)], other));
    assert.equal(answer?.code, "tunnels_off");
    other.close();
    await off.stop();
  });

  it("has its own limit, and that of all tunnels of a device", async () => {
    const many = Array.from({ length: 33 }, (_, index) => to(index + 1));
    assert.equal(errorCode(await ask(many)), "invalid_payload");
    for (let port = first + 101; port <= first + 199; port += 1) await insertOfPerson(port);
    const answers = await askFor(to(22), to(80));
    assert.deepEqual(
      answers.map(({ state, code }) => code ?? state),
      ["open", "too_many_tunnels"],
    );
  });
});
