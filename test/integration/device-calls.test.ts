import assert from "node:assert/strict";
import { createDeviceCalls, type DeviceCalls } from "@rciots/frontend";
import { remoteCalls, type PlatformResponse } from "@rciots/protocol";
import { createMemoryBus, newId, type AppError, type Bus } from "@rciots/runtime";
import { eventually } from "../harness/eventually.ts";
import {
  connectClient,
  createFixture,
  errorCode,
  startConnector,
  type Client,
  type ClientOptions,
  type Running,
  type TestDevice,
  type TestOrganization,
  type World,
} from "./connector-fixture.ts";

const request = { position: 0, changedOnly: false, budgetMs: 1_000 };
const page: PlatformResponse<"manifests:diff"> = {
  revision: 3,
  digest: "d".repeat(64),
  total: 1,
  next: null,
  items: [{ apiVersion: "v1", kind: "ConfigMap", namespace: "a", name: "b", change: "none" }],
};
const capabilities = Object.values(remoteCalls).map(({ capability }) => capability);
const yes = async () => ({ ok: true, data: page });
const never = async () => undefined;
const codeOf = (error: AppError): string => error.code;

describe("a call to a device from another service", () => {
  let fixture: Awaited<ReturnType<typeof createFixture>>;
  let world: World;
  let organization: TestOrganization;
  let bus: Bus;
  let connectors: Running[];
  let calls: DeviceCalls;
  const clients: Client[] = [];

  async function live(device: TestDevice, more: Partial<ClientOptions> = {}, on = 0): Promise<Client> {
    const url = connectors[on]?.url ?? "";
    const client = await connectClient({
      url,
      device,
      ca: world.root.pem,
      capabilities,
      answer: yes,
      ...more,
    });
    clients.push(client);
    assert.equal(errorCode(await client.hello()), "ok");
    return client;
  }
  const diff = (device: TestDevice, options: { timeoutMs?: number; signal?: AbortSignal } = {}) =>
    calls.call(
      { organizationId: device.organizationId, deviceId: device.id },
      "manifests:diff",
      request,
      options,
    );

  before(async () => {
    fixture = await createFixture();
    ({ world } = fixture);
    organization = await world.addOrganization();
    bus = createMemoryBus();
    const settings = { maxRemoteCallsPerDevice: 2, maxRemoteCallsPerOrganization: 3 };
    connectors = [];
    for (const connectorId of ["connector-1", "connector-2"])
      connectors.push(await startConnector(world, { bus, connectorId, settings }));
    calls = createDeviceCalls({ store: world.store, bus });
  });
  after(async () => {
    for (const client of clients) client.close();
    for (const running of connectors) await running.stop();
    await fixture.stop();
  });

  it("reaches it at whichever connector it is, and brings its answer back", async () => {
    const device = await world.addDevice(organization);
    const first = await live(device);
    assert.deepEqual(await diff(device), page);
    assert.deepEqual(first.received.at(-1), { event: "manifests:diff", payload: request });
    const second = await live(device, {}, 1);
    assert.deepEqual(await diff(device), page);
    assert.equal(second.received.at(-1)?.event, "manifests:diff");
  });

  it("says that it is offline where it isn't connected, was cut, or its connector died", async () => {
    const device = await world.addDevice(organization);
    await assert.rejects(diff(device), { code: "device_offline", status: 409 });
    const client = await live(device, { answer: never });
    const waiting = assert.rejects(diff(device), { code: "device_offline" });
    await eventually(() => assert.equal(client.received.at(-1)?.event, "manifests:diff"));
    client.close();
    await waiting;
    const lost = await world.addDevice(organization);
    const session = { online: true, connectorId: "connector-dead", sessionId: newId("ses") };
    await fixture.database.db
      .collection("devices")
      .updateOne({ _id: lost.id as never }, { $set: { presence: { ...session, epoch: 1 } } });
    await assert.rejects(diff(lost), { code: "device_offline" });
  });

  it("asks for an upgrade where the agent doesn't name the capability, and asks it nothing", async () => {
    const device = await world.addDevice(organization);
    const client = await live(device, { capabilities: ["manifests"] });
    await assert.rejects(diff(device), (error: AppError) => {
      assert.equal(error.code, "device_unsupported");
      return /upgrade the agent/.test(error.message);
    });
    assert.equal(client.received.length, 0);
    const lying = await world.addDevice(organization);
    const unknown = { ok: false, error: { code: "unknown_event", message: "no" } };
    await live(lying, { answer: async () => unknown });
    await assert.rejects(diff(lying), { code: "device_unsupported" });
  });

  it("brings back what the device refuses it for, and trusts no answer that breaks the contract", async () => {
    const refusing = await world.addDevice(organization);
    const refusal = { ok: false, error: { code: "digest_unknown", message: "Not that one." } };
    await live(refusing, { answer: async () => refusal });
    await assert.rejects(diff(refusing), (error: AppError) => {
      assert.deepEqual([error.code, error.details], ["device_refused", { deviceCode: "digest_unknown" }]);
      return error.message.includes("Not that one.");
    });
    for (const answer of [
      { ok: true, data: { ...page, items: "all" } },
      { ok: true },
      "yes",
      { ok: "true" },
    ]) {
      const device = await world.addDevice(organization);
      await live(device, { answer: async () => answer });
      await assert.rejects(diff(device), { code: "device_bad_answer", status: 502 });
    }
  });

  it("waits no longer than it is told to, and ends when the caller gives up", async () => {
    const device = await world.addDevice(organization);
    const client = await live(device, { answer: never });
    await assert.rejects(diff(device, { timeoutMs: 50 }), { code: "device_timeout", status: 504 });
    const giving = new AbortController();
    const waiting = assert.rejects(diff(device, { signal: giving.signal }), /given up/);
    await eventually(() => assert.equal(client.received.length, 2));
    giving.abort(new Error("given up"));
    await waiting;
  });

  it("refuses more at once than a device, or an organisation, may be asked, and takes calls again after", async () => {
    const [one, two, other] = [
      await world.addDevice(organization),
      await world.addDevice(organization),
      await world.addDevice(await world.addOrganization()),
    ];
    const slow = { answer: never };
    const asked = [await live(one, slow), await live(two, slow)];
    await live(other);
    const giving = new AbortController();
    const open = [one, one, two].map((device) => diff(device, { signal: giving.signal }).catch(codeOf));
    await eventually(() =>
      assert.equal(
        asked.reduce((sum, client) => sum + client.received.length, 0),
        3,
      ),
    );
    await assert.rejects(diff(one), { code: "device_busy", status: 429 });
    await assert.rejects(diff(two), { code: "organization_busy", status: 429 });
    assert.deepEqual(await diff(other), page);
    giving.abort(new Error("enough"));
    await Promise.all(open);
    await live(one);
    assert.deepEqual(await diff(one), page);
  });

  it("never reaches another organisation's device, nor calls what is not for others to call", async () => {
    const device = await world.addDevice(organization);
    const client = await live(device);
    const stranger = { organizationId: (await world.addOrganization()).id, deviceId: device.id };
    await assert.rejects(calls.call(stranger, "manifests:diff", request), { code: "device_not_found" });
    const raw = { ...stranger, sessionId: null, event: "manifests:diff", payload: request, timeoutMs: 1_000 };
    const direct = (change: object) =>
      bus.call("device:call", "connector-1", { ...raw, ...change }, { timeoutMs: 2_000 });
    await assert.rejects(direct({}), { code: "device_offline" });
    const { organizationId } = device;
    for (const event of ["device:decommission", "session:close", "toString", "desired:changed"])
      await assert.rejects(direct({ organizationId, event }), { code: "invalid_request" });
    await assert.rejects(direct({ organizationId, payload: { position: -1 } }), { code: "invalid_input" });
    await assert.rejects(direct({ organizationId, sessionId: newId("ses") }), { code: "session_replaced" });
    assert.equal(client.received.length, 0);
  });
});
