import assert from "node:assert/strict";
import { newId } from "@rciots/runtime";
import { isDuplicateKey, type WebPass, type WebTunnel } from "../src/index.ts";
import { at, inParallel } from "./documents.ts";
import { describeStore } from "./suite.ts";

function newWebTunnel(change: Partial<WebTunnel> = {}): WebTunnel {
  const _id = newId("web");
  return {
    _id,
    organizationId: newId("org"),
    deviceId: newId("dev"),
    name: "",
    label: _id.toLowerCase(),
    target: { host: "127.0.0.1", port: 80 },
    scheme: "http",
    hostHeader: "target",
    certificateFingerprint: null,
    closesAt: null,
    usage: { requests: 0, sentBytes: 0, receivedBytes: 0, lastUsedAt: null },
    createdBy: "usr_test",
    createdAt: at(0),
    version: 1,
    ...change,
  };
}

function newPass(change: Partial<WebPass> = {}): WebPass {
  return {
    _id: newId("hash"),
    kind: "code",
    webTunnelId: newId("web"),
    organizationId: newId("org"),
    sessionHash: "hash",
    stateHash: "state",
    path: "/",
    expiresAt: at(60),
    ...change,
  };
}

describeStore("web-tunnels", (context) => {
  it("have a name that no other has, and are found by it until their time is over", async () => {
    const { webTunnels } = context.store;
    const tunnel = newWebTunnel({ closesAt: at(10) });
    await webTunnels.insert(tunnel);
    await assert.rejects(webTunnels.insert(newWebTunnel({ label: tunnel.label })), isDuplicateKey);
    assert.equal((await webTunnels.findByLabel(tunnel.label, at(9)))?._id, tunnel._id);
    assert.equal(await webTunnels.findByLabel(tunnel.label, at(10)), null);
    assert.equal(await webTunnels.findByLabel("nobody", at(0)), null);
    assert.deepEqual(await webTunnels.removeExpired(at(9)), []);
    assert.deepEqual(
      (await webTunnels.removeExpired(at(10))).map(({ _id }) => _id),
      [tunnel._id],
    );
  });

  it("are found, listed, counted and removed in their own organisation only, the newest first", async () => {
    const { webTunnels } = context.store;
    const [organizationId, deviceId] = [newId("org"), newId("dev")];
    const own = [1, 2, 3].map(() => newWebTunnel({ organizationId, deviceId }));
    const other = newWebTunnel({ organizationId });
    for (const tunnel of [...own, other]) await webTunnels.insert(tunnel);
    const ids = own
      .map(({ _id }) => _id)
      .sort()
      .reverse();
    const first = await webTunnels.listOfDevice(organizationId, deviceId, { limit: 2 });
    assert.deepEqual(
      first.map(({ _id }) => _id),
      ids.slice(0, 2),
    );
    const rest = await webTunnels.listOfDevice(organizationId, deviceId, { limit: 2, after: ids[1] ?? "" });
    assert.equal(rest[0]?._id, ids[2]);
    assert.equal((await webTunnels.list(organizationId, { limit: 10 })).length, 4);
    assert.deepEqual(await webTunnels.list(newId("org"), { limit: 10 }), []);
    assert.equal(await webTunnels.count({ organizationId }), 4);
    assert.equal(await webTunnels.count({ organizationId, deviceId }), 3);
    const id = ids[0] ?? "";
    assert.equal((await webTunnels.find(organizationId, deviceId, id))?._id, id);
    assert.equal(await webTunnels.find(newId("org"), deviceId, id), null);
    assert.equal(await webTunnels.remove(newId("org"), id), null);
    assert.equal(await webTunnels.removeOfDevice(organizationId, deviceId), 3);
    assert.equal(await webTunnels.count({ organizationId }), 1);
  });

  it("are changed by version, and count what went through", async () => {
    const { webTunnels } = context.store;
    const tunnel = newWebTunnel();
    await webTunnels.insert(tunnel);
    assert.equal((await webTunnels.update(tunnel, { name: "camera" }, 1))?.version, 2);
    assert.equal(await webTunnels.update(tunnel, { name: "late" }, 1), null);
    const used = { requests: 2, sentBytes: 10, receivedBytes: 20, lastUsedAt: at(5) };
    await inParallel(3, () => webTunnels.addUsage(tunnel._id, used));
    const { organizationId, deviceId, _id } = tunnel;
    const { usage } = (await webTunnels.find(organizationId, deviceId, _id)) ?? {};
    assert.deepEqual(usage, { requests: 6, sentBytes: 30, receivedBytes: 60, lastUsedAt: at(5) });
  });

  it("let a code be used once, in its time, and end with the tunnel", async () => {
    const { webTunnels } = context.store;
    const [code, late, tunnel] = [newPass(), newPass(), newWebTunnel()];
    for (const pass of [code, late]) await webTunnels.insertPass(pass);
    assert.equal(await webTunnels.takeCode(late._id, at(60)), null);
    const taken = await inParallel(5, () => webTunnels.takeCode(code._id, at(30)));
    assert.equal(taken.filter((pass) => pass !== null).length, 1);
    await webTunnels.insert(tunnel);
    const cookie = newPass({ kind: "cookie", webTunnelId: tunnel._id, stateHash: null });
    await webTunnels.insertPass(cookie);
    assert.equal(await webTunnels.takeCode(cookie._id, at(0)), null);
    assert.equal((await webTunnels.findPass(cookie._id, at(30)))?.webTunnelId, tunnel._id);
    assert.equal(await webTunnels.findPass(cookie._id, at(60)), null);
    await webTunnels.remove(tunnel.organizationId, tunnel._id);
    assert.equal(await webTunnels.findPass(cookie._id, at(30)), null);
  });
});
