import assert from "node:assert/strict";
import { createDeviceCalls } from "@rciots/frontend";
import { remoteCalls } from "@rciots/protocol";
import { createMemoryBus, type Bus } from "@rciots/runtime";
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

const capabilities = Object.values(remoteCalls).map(({ capability }) => capability);
const settings = {
  leaseRenewMs: 100,
  rebalancePercent: 20,
  rebalanceMinSessions: 2,
  rebalanceIntervalMs: 100,
  rebalanceSettleMs: 300,
  rebalanceQuietMs: 200,
};

describe("when one of several connectors holds more than its share", function () {
  this.timeout(60_000);
  let fixture: Awaited<ReturnType<typeof createFixture>>;
  let world: World;
  let organization: TestOrganization;
  let bus: Bus;
  let running: Running[];
  let clients: Client[];

  async function begin(connectorId: string, more: object = {}): Promise<Running> {
    const started = await startConnector(world, { bus, connectorId, settings: { ...settings, ...more } });
    running.push(started);
    return started;
  }

  async function live(
    { url }: Running,
    device: TestDevice,
    more: Partial<ClientOptions> = {},
  ): Promise<Client> {
    const client = await connectClient({ url, device, ca: world.root.pem, capabilities, ...more });
    clients.push(client);
    assert.equal(errorCode(await client.hello()), "ok");
    return client;
  }

  const devicesOf = (count: number): Promise<TestDevice[]> =>
    Promise.all(Array.from({ length: count }, () => world.addDevice(organization)));
  const sessionsOf = ({ connector }: Running): number => connector.numbers().sessions;

  /** Resolves when every connector has renewed its lease for this long: each has judged many times meanwhile. */
  async function leasesRenewed(ms: number): Promise<void> {
    const ends = async (): Promise<number> => {
      const leases = await world.db
        .collection("leases")
        .find({ load: { $ne: null } })
        .toArray();
      return Math.min(...leases.map((lease) => (lease["expiresAt"] as Date).getTime()));
    };
    const from = await ends();
    await eventually(async () => assert.ok((await ends()) >= from + ms), { timeoutMs: 30_000 });
  }

  before(async () => {
    fixture = await createFixture();
    ({ world } = fixture);
    organization = await world.addOrganization();
  });
  beforeEach(() => {
    bus = createMemoryBus();
    running = [];
    clients = [];
  });
  afterEach(async () => {
    for (const client of clients) client.close();
    await Promise.all(running.map((each) => each.stop()));
  });
  after(() => fixture.stop());

  it("sends the surplus to the other one, each device once, and stops there", async () => {
    const [full, empty] = [await begin("full"), await begin("empty")];
    const devices = await devicesOf(12);
    const moved: Client[] = [];
    for (const device of devices) {
      const client = await live(full, device);
      void client.closed.then(async (code) => {
        if (code !== "draining") return;
        moved.push(client);
        await live(empty, device);
      });
    }
    await eventually(
      () => {
        const counts = [sessionsOf(full), sessionsOf(empty)];
        assert.ok(Math.min(...counts) >= 5 && Math.max(...counts) <= 7, counts.join(" "));
      },
      { timeoutMs: 30_000 },
    );
    await leasesRenewed(1_000);
    assert.equal(sessionsOf(full) + sessionsOf(empty), 12);
    assert.ok(Math.abs(sessionsOf(full) - sessionsOf(empty)) <= 2);
    for (const { received } of moved) {
      const close = received.find(({ event }) => event === "session:close");
      assert.ok((close?.payload as { retryAfterMs: number }).retryAfterMs < 100, "it may come back at once");
    }
    assert.equal(full.connector.numbers().moved, moved.length);
    assert.equal(moved.length, sessionsOf(empty));
    assert.equal(empty.connector.numbers().moved, 0);
    const presences = await Promise.all(devices.map(async ({ id }) => (await world.device(id)).presence));
    assert.ok(presences.every(({ online }) => online));
    assert.equal(presences.filter(({ connectorId }) => connectorId === "empty").length, sessionsOf(empty));
  });

  it("keeps the session of a device that is being asked something until it has answered", async () => {
    const full = await begin("full");
    const [asked, ...others] = await devicesOf(6);
    assert.ok(asked);
    let answer: ((value: unknown) => void) | undefined;
    const client = await live(full, asked, {
      answer: (event) =>
        event === "session:close" ? Promise.resolve({}) : new Promise((resolve) => (answer = resolve)),
    });
    const calls = createDeviceCalls({ store: world.store, bus });
    const target = { organizationId: asked.organizationId, deviceId: asked.id };
    const call = calls
      .call(target, "manifests:diff", { position: 0, changedOnly: false, budgetMs: 1_000 })
      .catch((error: unknown) => error);
    await eventually(() => assert.notEqual(answer, undefined));
    for (const device of others) await live(full, device);
    await begin("empty");
    // Nobody comes back: those that may go are sent one after the other, the one that is asked never.
    await eventually(() => assert.equal(sessionsOf(full), 2), { timeoutMs: 30_000 });
    assert.equal(client.isClosed(), false, "though it has been there longest");
    answer?.({ ok: false, error: { code: "busy", message: "Later." } });
    await call;
  });

  it("sends nobody while another takes no more", async () => {
    const full = await begin("full");
    for (const device of await devicesOf(6)) await live(full, device);
    const crowded = await begin("crowded", { maxSessions: 0 });
    await begin("idle");
    await eventually(async () => {
      const loads = await world.store.leases.loads("connector:");
      const states = loads.map(({ name, load }) => `${name} ${load?.state}`).sort();
      assert.deepEqual(states, [
        "connector:crowded overloaded",
        "connector:full ready",
        "connector:idle ready",
      ]);
    });
    await leasesRenewed(1_500);
    assert.equal(sessionsOf(full), 6);
    await crowded.stop();
    await eventually(() => assert.ok(sessionsOf(full) < 6), { timeoutMs: 30_000 });
  });
});
