import assert from "node:assert/strict";
import { newId } from "@rciots/runtime";
import type { Device, NewTunnel, Tunnel } from "@rciots/store";
import { eventually, inAnotherOrganization, startApi, type ApiFixture } from "./api-fixture.ts";

const nobody = { viewer: "none", operator: "none", admin: "none", owner: "none" };
const settings = (deviceTunnels?: object | null) => ({
  clusterApi: nobody,
  terminal: null,
  ...(deviceTunnels === undefined ? {} : { deviceTunnels }),
});

describe("when an organisation says whether its devices may ask for tunnels", () => {
  let api: ApiFixture;
  let owner: string;
  let lastPort = 45_000;
  before(async () => {
    api = await startApi();
    owner = await api.signInAs("owner");
  });
  after(() => api.stop());

  const set = (body: object, as = owner) => api.call("PUT /organization/remote-access", { as, body });
  const read = async () => (await api.call("GET /organization/remote-access", { as: owner })).body;
  const eventsOf = async (kind: string) =>
    (await api.store.events.list({ organizationId: api.organizationId, limit: 500 })).filter(
      (event) => event.kind === kind,
    );

  async function insertTunnel(device: Device, by: Pick<Tunnel, "requestedBy"> = { requestedBy: "device" }) {
    lastPort += 1;
    const tunnel: NewTunnel = {
      _id: newId("tun"),
      organizationId: device.organizationId,
      deviceId: device._id,
      name: "",
      target: { host: "127.0.0.1", port: 22 },
      listenHost: null,
      port: lastPort,
      allowFrom: ["10.0.0.0/8"],
      protocol: null,
      maxConnections: 64,
      idleTimeoutMs: null,
      closesAt: null,
      createdBy: device._id,
      createdAt: new Date(),
      version: 1,
      ...by,
    };
    await api.store.tunnels.insert(tunnel);
    const used = { connections: 3, sentBytes: 10, receivedBytes: 20, lastUsedAt: null };
    await api.store.tunnels.report(tunnel._id, "con_test", { listening: null, used });
    return tunnel;
  }
  const ofPerson = (device: Device) => insertTunnel(device, {});
  const find = ({ organizationId, deviceId, _id }: NewTunnel) =>
    api.store.tunnels.find(organizationId, deviceId, _id);

  it("lets none until an owner names networks, which nobody else can", async () => {
    assert.equal((await read()).deviceTunnels, null);
    const allowFrom = ["192.0.2.0/24", "2001:db8::/32"];
    for (const role of ["viewer", "operator", "admin"] as const) {
      const refused = await set(settings({ allowFrom }), await api.signInAs(role));
      assert.equal(refused.body.code, "role_required", role);
    }
    for (const wrong of [
      {},
      { allowFrom: [] },
      { allowFrom: ["everywhere"] },
      { allowFrom, ports: [1] },
      true,
    ])
      assert.equal((await set(settings(wrong as object))).body.code, "invalid_input");
    assert.equal((await set(settings({ allowFrom: Array(65).fill("10.0.0.0/8") }))).status, 400);
    assert.deepEqual((await set(settings({ allowFrom }))).body.deviceTunnels, { allowFrom });
    assert.deepEqual((await read()).deviceTunnels, { allowFrom });
    const [changed] = await eventsOf("remote-access.changed");
    assert.deepEqual(changed?.details["before"], { deviceTunnels: null });
    assert.deepEqual(changed?.details["after"], { deviceTunnels: { allowFrom } });
  });

  it("takes settings that say nothing of it for none", async () => {
    await set(settings({ allowFrom: ["10.0.0.0/8"] }));
    assert.equal((await set(settings())).body.deviceTunnels, null);
  });

  it("closes what they asked for once they may not, in its own organisation and not what people opened", async () => {
    await set(settings({ allowFrom: ["10.0.0.0/8"] }));
    const devices = await Promise.all(Array.from({ length: 3 }, () => api.createDevice()));
    const asked = await Promise.all(
      Array.from({ length: 120 }, (_, index) => insertTunnel(devices[index % 3] as Device)),
    );
    const mine = await ofPerson(devices[0] as Device);
    const other = await inAnotherOrganization(api);
    const foreign = await insertTunnel(await other.createDevice());
    await set(settings(null));
    assert.deepEqual((await Promise.all(asked.map(find))).filter(Boolean), []);
    assert.ok((await find(mine)) !== null && (await find(foreign)) !== null);
    const closed = await eventsOf("tunnel.closed");
    assert.equal(closed.length, asked.length);
    const [event] = closed;
    assert.match(event?.message ?? "", /devices may ask for none any more/);
    assert.equal(event?.details["connections"], 3);
    assert.equal(event?.actor.kind, "user");
    await api.store.tunnels.remove(mine.organizationId, mine._id);
  });

  it("lets in from other networks at once, through the connectors that listen", async () => {
    await set(settings({ allowFrom: ["10.0.0.0/8"] }));
    const presence = { ...(await api.createDevice()).presence, online: true, connectorId: "con_test" };
    const device = await api.createDevice({ presence });
    const [asked, mine] = [await insertTunnel(device), await ofPerson(device)];
    const synced: string[] = [];
    await api.store.leases.claim("connector:con_test", "con_test", 60_000);
    const end = api.bus.serve("tunnel:sync", "con_test", async ({ tunnelId }) => {
      synced.push(tunnelId);
      return { state: "open" as const, message: null };
    });
    await set(settings({ allowFrom: ["192.0.2.0/24"] }));
    assert.deepEqual((await find(asked))?.allowFrom, ["192.0.2.0/24"]);
    assert.deepEqual((await find(mine))?.allowFrom, ["10.0.0.0/8"]);
    assert.deepEqual(synced, [asked._id]);
    await set(settings(null));
    assert.deepEqual(synced, [asked._id, asked._id]);
    end();
    await api.store.leases.release("connector:con_test", "con_test");
  });

  it("ends by itself what a process left that died after the change", async () => {
    const device = await api.createDevice();
    const left = await insertTunnel(device);
    const { frontend } = await api.startFrontend();
    await eventually(async () => {
      const closed = await eventsOf("tunnel.closed");
      const event = closed.find(({ details }) => details["tunnelId"] === left._id);
      assert.equal(event?.actor.kind, "platform");
    });
    assert.equal(await find(left), null);
    await frontend.stop();
  });

  it("shows who asked, and lets people close such a tunnel but not say who may connect to it", async () => {
    await set(settings({ allowFrom: ["10.0.0.0/8"] }));
    const device = await api.createDevice();
    const [asked, mine] = [await insertTunnel(device), await ofPerson(device)];
    const operator = await api.signInAs("operator");
    const path = `/devices/${device._id}/tunnels`;
    const { items } = (await api.call(`GET ${path}`, { as: operator })).body;
    assert.deepEqual(
      new Map(items.map((item: { id: string; requestedBy: string }) => [item.id, item.requestedBy])),
      new Map([
        [mine._id, "person"],
        [asked._id, "device"],
      ]),
    );
    const patch = (id: string, body: object) => api.call(`PATCH ${path}/${id}`, { as: operator, body });
    assert.equal(
      (await patch(asked._id, { allowFrom: ["0.0.0.0/0"] })).body.code,
      "networks_of_organization",
    );
    assert.equal((await patch(asked._id, { allowFrom: ["10.0.0.0/8"], name: "till" })).body.name, "till");
    assert.equal((await patch(mine._id, { allowFrom: ["192.0.2.7"] })).status, 200);
    assert.equal((await api.call(`DELETE ${path}/${asked._id}`, { as: operator })).status, 204);
    assert.equal(await find(asked), null);
  });
});
