import assert from "node:assert/strict";
import { newId } from "@rciots/runtime";
import { isDuplicateKey, type Tunnel } from "../src/index.ts";
import { at, inParallel } from "./documents.ts";
import { describeStore } from "./suite.ts";

let lastPort = 30_000;

function newTunnel(change: Partial<Tunnel> = {}): Tunnel {
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
    state: "opening",
    message: null,
    connectorId: null,
    usage: { connections: 0, liveConnections: 0, sentBytes: 0, receivedBytes: 0, lastUsedAt: null },
    createdBy: "usr_test",
    createdAt: at(0),
    version: 1,
    ...change,
  };
}
const used = { connections: 1, liveConnections: 1, sentBytes: 10, receivedBytes: 20, lastUsedAt: at(5) };

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

  it("are changed by version, and report to whoever claimed them last", async () => {
    const { tunnels } = context.store;
    const tunnel = newTunnel();
    await tunnels.insert(tunnel);
    const changed = await tunnels.update(tunnel, { allowFrom: ["10.0.0.0/8"] }, 1);
    assert.deepEqual([changed?.allowFrom, changed?.version], [["10.0.0.0/8"], 2]);
    assert.equal(await tunnels.update(tunnel, { name: "late" }, 1), null);
    assert.equal((await tunnels.update(tunnel, { name: "now" }))?.name, "now");

    assert.equal(await tunnels.claim(tunnel._id, "connector-1"), true);
    await tunnels.report(tunnel._id, "connector-1", { state: "open", message: null, used });
    await tunnels.report(tunnel._id, "connector-1", {
      state: "waiting",
      message: null,
      used: { ...used, liveConnections: 0, lastUsedAt: null },
    });
    assert.equal(await tunnels.claim(tunnel._id, "connector-2"), true);
    await tunnels.report(tunnel._id, "connector-1", { state: "failed", message: "late", used });
    const [held] = await tunnels.claimedBy("connector-2");
    assert.equal(held?._id, tunnel._id);
    assert.equal(held?.state, "waiting");
    assert.deepEqual(held?.usage, {
      connections: 2,
      liveConnections: 0,
      sentBytes: 20,
      receivedBytes: 40,
      lastUsedAt: at(5),
    });
    assert.equal(await tunnels.claim(newId("tun"), "connector-1"), false);
  });
});
