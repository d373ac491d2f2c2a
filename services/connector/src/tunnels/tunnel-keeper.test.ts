import assert from "node:assert/strict";
import { connect } from "node:net";
import { conflict, createMemoryBus, newId, silentLogger, type Bus } from "@rciots/runtime";
import { createConnectionLog, createStore, type NewTunnel, type Store, type Tunnel } from "@rciots/store";
import { startEmbeddedDatabase, type TestDatabase } from "../../../../test/harness/database.ts";
import { eventually } from "../../../../test/harness/eventually.ts";
import { freePorts } from "../../../../test/harness/platform-process.ts";
import type { Session } from "../session.ts";
import { serveTunnelCalls } from "./tunnel-calls.ts";
import { createTunnelKeeper, type TunnelKeeper } from "./tunnel-keeper.ts";

const minute = 60_000;

describe("when two connectors keep the ports of tunnels", function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let store: Store;
  let bus: Bus;
  let at: number;
  /** Where the device's session is; nowhere: it is offline. */
  let holderId: string | undefined;
  let looks: Record<string, number>;
  /** What a look finds, where that is not what is there by now. */
  let stale: Tunnel[] | undefined;
  let ends: (() => unknown)[] = [];
  const [organizationId, deviceId] = [newId("org"), newId("dev")];
  const identity = { organizationId, deviceId };
  const session = { state: "live", identity } as unknown as Session;

  before(async () => {
    database = await startEmbeddedDatabase();
    store = await createStore({ uri: database.uri });
  });
  after(async () => {
    await store?.close();
    await database?.stop();
  });
  beforeEach(() => {
    bus = createMemoryBus();
    at = Date.now();
    holderId = "con_a";
    looks = {};
    stale = undefined;
  });
  afterEach(async () => {
    for (const end of ends) await end();
    ends = [];
    await store.tunnels.removeOfDevice(organizationId, deviceId);
  });

  /** The connection counts, and is refused by a device that isn't there. */
  const streams = {
    open: () => Promise.reject(conflict({ code: "device_offline", message: "There is no device." })),
  };

  async function start(connectorId: string, host: string): Promise<TunnelKeeper> {
    await store.leases.claim(`connector:${connectorId}`, connectorId, 3_600_000);
    looks[connectorId] = 0;
    const all: Store["tunnels"]["all"] = async (page) => {
      looks[connectorId] = (looks[connectorId] ?? 0) + 1;
      return stale ?? store.tunnels.all(page);
    };
    const holders = async (ids: string[]) =>
      new Map(holderId === undefined ? [] : ids.map((id) => [id, holderId ?? ""]));
    const keeper = createTunnelKeeper({
      store: {
        ...store,
        tunnels: { ...store.tunnels, all },
        deviceSessions: { ...store.deviceSessions, holders },
      },
      bus,
      registry: { current: () => (holderId === connectorId ? session : undefined) },
      host,
      streams,
      connections: createConnectionLog({ store, bus, logger: silentLogger }),
      isShared: true,
      connectorId,
      intervalMs: minute,
      moveMs: 10_000,
      logger: silentLogger,
      now: () => at,
    });
    ends.unshift(
      serveTunnelCalls({ bus, connectorId, streams, keeper }),
      bus.subscribe("tunnel:changed", (device) => keeper.lookAgain(device)),
      () => keeper.stop(),
    );
    keeper.loop.start();
    await eventually(() => assert.equal(looks[connectorId], 1));
    return keeper;
  }

  async function add(change: Partial<NewTunnel> = {}): Promise<NewTunnel> {
    const [port = 0] = await freePorts(1);
    const tunnel: NewTunnel = {
      _id: newId("tun"),
      organizationId,
      deviceId,
      name: "",
      target: { host: "127.0.0.1", port: 22 },
      listenHost: null,
      port,
      allowFrom: ["127.0.0.0/8"],
      protocol: null,
      maxConnections: 10,
      idleTimeoutMs: null,
      closesAt: null,
      createdBy: "usr_test",
      createdAt: new Date(at),
      version: 1,
      ...change,
    };
    await store.tunnels.insert(tunnel);
    return tunnel;
  }
  const refOf = ({ _id }: NewTunnel) => ({ ...identity, tunnelId: _id });
  const read = ({ _id }: NewTunnel) => store.tunnels.find(organizationId, deviceId, _id);

  /** A look of the loop from its beginning to its end: the next one begins after it. */
  async function look(connectorId: string, keeper: TunnelKeeper): Promise<void> {
    for (let turn = 0; turn < 2; turn += 1) {
      const before = looks[connectorId] ?? 0;
      keeper.loop.nudge();
      await eventually(() => assert.ok((looks[connectorId] ?? 0) > before));
    }
  }

  /** Whether something listens; what it does with the connection makes no difference. */
  async function touch(port: number, host: string): Promise<boolean> {
    const socket = connect({ host, port });
    let isOpen = true;
    socket.on("error", (error: NodeJS.ErrnoException) => (isOpen = error.code !== "ECONNREFUSED"));
    await new Promise((resolve) => socket.once("close", resolve));
    return isOpen;
  }

  async function closings({ _id }: NewTunnel): Promise<any[]> {
    const found = await database.db.collection("events").find({ kind: "tunnel.closed" }).toArray();
    return found.filter(({ details }) => details?.["tunnelId"] === _id);
  }

  it("one that is idle at this one is kept while the other is used, and closed once neither is", async () => {
    const [a, b] = [await start("con_a", "127.0.0.1"), await start("con_b", "127.0.0.2")];
    const tunnel = await add({ idleTimeoutMs: 10 * minute });
    assert.equal((await a.sync(refOf(tunnel))).state, "open");
    assert.equal((await b.sync(refOf(tunnel))).state, "open");
    at += 9 * minute;
    assert.equal(await touch(tunnel.port, "127.0.0.2"), true);
    await eventually(async () => {
      await b.sync(refOf(tunnel));
      assert.equal((await read(tunnel))?.usage.connections, 1);
    });
    at += 9 * minute;
    await look("con_a", a);
    assert.ok(await read(tunnel), "it was used nine minutes ago");
    // Ten, and two rounds of what the other may not have told yet.
    at += 3 * minute;
    await Promise.all([look("con_a", a), look("con_b", b)]);
    assert.equal(await read(tunnel), null);
    assert.deepEqual(
      (await closings(tunnel)).map(({ details }) => details.connections),
      [1],
    );
    for (const host of ["127.0.0.1", "127.0.0.2"])
      await eventually(async () => assert.equal(await touch(tunnel.port, host), false));
  });

  it("one whose time is over is closed once, also while its device is away", async () => {
    const [a, b] = [await start("con_a", "127.0.0.1"), await start("con_b", "127.0.0.2")];
    holderId = undefined;
    const tunnel = await add({ closesAt: new Date(at + minute) });
    assert.equal((await a.sync(refOf(tunnel))).state, "waiting");
    at += 2 * minute;
    await Promise.all([look("con_a", a), look("con_b", b)]);
    assert.equal(await read(tunnel), null);
    assert.equal((await closings(tunnel)).length, 1);
  });

  it("ports stay open while the device moves, and no longer", async () => {
    const b = await start("con_b", "127.0.0.2");
    const tunnel = await add();
    assert.equal((await b.sync(refOf(tunnel))).state, "open");
    holderId = undefined;
    await look("con_b", b);
    at += 9_000;
    await look("con_b", b);
    assert.equal(await touch(tunnel.port, "127.0.0.2"), true);
    holderId = "con_c";
    await look("con_b", b);
    holderId = undefined;
    await look("con_b", b);
    at += 9_000;
    await look("con_b", b);
    assert.equal(await touch(tunnel.port, "127.0.0.2"), true, "it was there in between");
    at += 2_000;
    await look("con_b", b);
    assert.equal(await touch(tunnel.port, "127.0.0.2"), false);
    assert.deepEqual((await read(tunnel))?.reports, {});
  });

  it("the second at an address stands by and takes over, and one that can't listen for another reason says so", async () => {
    const [a, b] = [await start("con_a", "127.0.0.1"), await start("con_b", "127.0.0.1")];
    const tunnel = await add();
    assert.equal((await a.sync(refOf(tunnel))).state, "open");
    assert.equal((await b.sync(refOf(tunnel))).state, "standby");
    assert.deepEqual(
      [(await read(tunnel))?.state, b.counts()],
      ["open", { open: 0, standby: 1, failed: 0, connections: 0 }],
    );
    holderId = "con_b";
    await a.drain();
    await eventually(() => assert.equal(b.counts().open, 1));
    assert.equal(await touch(tunnel.port, "127.0.0.1"), true);

    const { port } = tunnel;
    await store.tunnels.remove(organizationId, tunnel._id);
    const stranger = await add({ port });
    const said = await a.sync(refOf(stranger));
    assert.equal(said.state, "waiting", "it drains");
    assert.match((await b.sync(refOf(stranger))).message ?? "", /EADDRINUSE/);
    assert.equal((await read(stranger))?.state, "failed");
  });

  it("what was changed is not taken back by a look that began before", async () => {
    const a = await start("con_a", "127.0.0.1");
    const tunnel = await add({ allowFrom: ["127.0.0.0/8"] });
    await a.sync(refOf(tunnel));
    const before = await store.tunnels.all({ limit: 10 });
    await store.tunnels.update(tunnel, { allowFrom: ["10.0.0.0/8"] });
    await a.sync(refOf(tunnel));
    stale = before;
    await look("con_a", a);
    assert.equal(await touch(tunnel.port, "127.0.0.1"), true);
    assert.equal((await read(tunnel))?.usage.connections, 0);
  });
});
