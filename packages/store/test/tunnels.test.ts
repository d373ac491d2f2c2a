import assert from "node:assert/strict";
import { newId } from "@rciots/runtime";
import { isDuplicateKey, type NewTunnel, type TunnelListening } from "../src/index.ts";
import { at, inParallel } from "./documents.ts";
import { describeStore } from "./suite.ts";

let lastPort = 30_000;

function newTunnel(change: Partial<NewTunnel> = {}): NewTunnel {
  lastPort += 1;
  return {
    _id: newId("tun"),
    organizationId: newId("org"),
    deviceId: newId("dev"),
    name: "",
    target: { host: "127.0.0.1", port: 22 },
    listenHost: null,
    port: lastPort,
    allowFrom: ["127.0.0.1/32"],
    protocol: null,
    maxConnections: 10,
    idleTimeoutMs: null,
    closesAt: null,
    createdBy: "usr_test",
    createdAt: at(0),
    version: 1,
    ...change,
  };
}
const used = { connections: 1, sentBytes: 10, receivedBytes: 20, lastUsedAt: at(5) };
const unused = { connections: 0, sentBytes: 0, receivedBytes: 0, lastUsedAt: null };
const listening = (change: Partial<TunnelListening> = {}): TunnelListening => ({
  state: "open",
  message: null,
  machine: "one",
  liveConnections: 0,
  ...change,
});

describeStore("tunnels", (context) => {
  it("gives a port to one of ten that ask for it at once, and again when it is free", async () => {
    const { tunnels } = context.store;
    const wanted = await inParallel(10, async () => {
      const tunnel = newTunnel({ port: 29_999 });
      return tunnels.insert(tunnel).then(
        () => tunnel,
        (error: unknown) => {
          assert.ok(isDuplicateKey(error));
          return undefined;
        },
      );
    });
    const [winner] = wanted.filter((tunnel) => tunnel !== undefined);
    assert.ok(winner !== undefined && wanted.filter(Boolean).length === 1);
    assert.deepEqual(await tunnels.takenPorts(29_999, 29_999), [29_999]);
    assert.equal((await tunnels.remove(winner.organizationId, winner._id))?.port, 29_999);
    assert.equal(await tunnels.remove(winner.organizationId, winner._id), null);
    await tunnels.insert(newTunnel({ port: 29_999 }));
  });

  it("are found, listed and counted in their own organisation only, the newest first", async () => {
    const { tunnels } = context.store;
    const [organizationId, deviceId] = [newId("org"), newId("dev")];
    const own = [1, 2, 3].map(() => newTunnel({ organizationId, deviceId }));
    const other = newTunnel({ organizationId });
    for (const tunnel of [...own, other]) await tunnels.insert(tunnel);
    const ids = own
      .map(({ _id }) => _id)
      .sort()
      .reverse();
    const listed = await tunnels.listOfDevice(organizationId, deviceId, { limit: 2 });
    assert.deepEqual(
      listed.map(({ _id }) => _id),
      ids.slice(0, 2),
    );
    const rest = await tunnels.listOfDevice(organizationId, deviceId, { limit: 2, after: ids[1] ?? "" });
    assert.deepEqual(
      rest.map(({ _id }) => _id),
      ids.slice(2),
    );
    assert.equal((await tunnels.list(organizationId, { limit: 10 })).length, 4);
    assert.deepEqual(await tunnels.list(newId("org"), { limit: 10 }), []);
    assert.equal(await tunnels.count({ organizationId }), 4);
    assert.equal(await tunnels.count({ organizationId, deviceId }), 3);
    const [first] = own;
    assert.equal((await tunnels.find(organizationId, deviceId, first?._id ?? ""))?.port, first?.port);
    assert.equal(await tunnels.find(newId("org"), deviceId, first?._id ?? ""), null);
    assert.equal(await tunnels.find(organizationId, newId("dev"), first?._id ?? ""), null);
    assert.equal((await tunnels.ofDevices([deviceId, other.deviceId, newId("dev")])).length, 4);
    assert.equal(await tunnels.removeOfDevice(organizationId, deviceId), 3);
    assert.equal(await tunnels.count({ organizationId }), 1);
  });

  it("that devices asked for are told from those of people, and from older ones that don't say", async () => {
    const { tunnels } = context.store;
    const [organizationId, deviceId] = [newId("org"), newId("dev")];
    const ofPerson = newTunnel({ organizationId, deviceId });
    const asked = [1, 2, 3].map(() => newTunnel({ organizationId, deviceId, requestedBy: "device" }));
    for (const tunnel of [ofPerson, ...asked, newTunnel({ requestedBy: "device" })])
      await tunnels.insert(tunnel);
    const ids = asked
      .map(({ _id }) => _id)
      .sort()
      .reverse();
    const found = await tunnels.askedByDevices([deviceId, newId("dev")]);
    assert.deepEqual(found.map(({ _id }) => _id).sort(), [...ids].reverse());
    const first = await tunnels.listAsked(organizationId, { limit: 2 });
    const rest = await tunnels.listAsked(organizationId, { limit: 2, after: ids[1] ?? "" });
    assert.deepEqual(
      [...first, ...rest].map(({ _id }) => _id),
      ids,
    );
    assert.ok((await tunnels.organizationsAsked()).includes(organizationId));
    assert.equal((await tunnels.find(organizationId, deviceId, ofPerson._id))?.requestedBy, undefined);
    for (const id of ids) await tunnels.remove(organizationId, id);
    assert.ok(!(await tunnels.organizationsAsked()).includes(organizationId));
  });

  it("are changed by version", async () => {
    const { tunnels } = context.store;
    const tunnel = newTunnel();
    await tunnels.insert(tunnel);
    const changed = await tunnels.update(tunnel, { allowFrom: ["10.0.0.0/8"] }, 1);
    assert.deepEqual([changed?.allowFrom, changed?.version], [["10.0.0.0/8"], 2]);
    assert.equal(await tunnels.update(tunnel, { name: "late" }, 1), null);
    assert.equal((await tunnels.update(tunnel, { name: "now" }))?.name, "now");
  });

  it("are what the connectors that live say of them, each of itself, and what was used is added up", async () => {
    const { tunnels, leases } = context.store;
    const tunnel = newTunnel();
    await tunnels.insert(tunnel);
    const { organizationId, deviceId, _id } = tunnel;
    const read = async () => {
      const found = await tunnels.find(organizationId, deviceId, _id);
      assert.ok(found);
      return found;
    };
    const standing = async () => {
      const { state, message, usage } = await read();
      return [state, message, usage.liveConnections];
    };
    assert.deepEqual(await standing(), ["opening", null, 0]);
    const [first, second, dead] = ["con_1", "con_2", "con_dead"];
    for (const id of [first, second]) await leases.claim(`connector:${id}`, id, 60_000);
    await leases.claim(`connector:${dead}`, dead, 1_000, new Date(0));

    const failed = listening({ state: "failed", message: "Taken." });
    assert.equal(await tunnels.report(_id, first, { listening: failed, used: unused }), true);
    assert.deepEqual(await standing(), ["failed", "Taken.", 0]);
    await tunnels.report(_id, second, { listening: listening({ liveConnections: 2 }), used });
    await tunnels.report(_id, dead, { listening: listening({ liveConnections: 7 }), used });
    assert.deepEqual(await standing(), ["open", null, 2]);
    assert.deepEqual(Object.keys((await read()).reports).sort(), [first, second]);

    const early = { ...used, lastUsedAt: at(1) };
    const open = listening({ liveConnections: 1 });
    const writes = Array.from({ length: 10 }, () =>
      tunnels.report(_id, first, { listening: open, used: early }),
    );
    await Promise.all(writes);
    assert.deepEqual((await read()).usage, {
      connections: 12,
      liveConnections: 3,
      sentBytes: 120,
      receivedBytes: 240,
      lastUsedAt: at(5),
    });

    const stored = () => context.database.db.collection("tunnels").findOne({ _id: _id as never });
    await tunnels.report(_id, second, { listening: null, used: unused });
    assert.deepEqual(Object.keys((await stored())?.["reports"]).sort(), [first, dead]);
    await tunnels.prune();
    assert.deepEqual(Object.keys((await stored())?.["reports"]), [first]);
    const standby = { listening: listening({ state: "standby" }), used: unused };
    await tunnels.report(_id, first, standby);
    assert.deepEqual(await standing(), ["opening", null, 0]);
    assert.equal(await tunnels.report(newId("tun"), first, standby), false);
  });

  it("are read page by page, also those that were stored before there were several listeners", async () => {
    const { tunnels } = context.store;
    const old = newTunnel();
    await tunnels.insert(old);
    await context.database.db.collection("tunnels").updateOne(
      { _id: old._id as never },
      {
        $unset: { reports: "" },
        $set: { state: "open", connectorId: "con_1", "usage.liveConnections": 3 },
      },
    );
    await tunnels.prune();
    const seen: string[] = [];
    for (let after: string | undefined; ;) {
      const page = await tunnels.all({ limit: 2, ...(after === undefined ? {} : { after }) });
      seen.push(...page.map(({ _id }) => _id));
      const found = page.find(({ _id }) => _id === old._id);
      if (found !== undefined) assert.deepEqual([found.state, found.usage.liveConnections], ["opening", 0]);
      after = page.at(-1)?._id;
      if (page.length < 2) break;
    }
    assert.ok(seen.includes(old._id));
    assert.deepEqual(seen, [...new Set(seen)].sort());
  });
});
