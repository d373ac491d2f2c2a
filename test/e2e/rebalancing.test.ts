import assert from "node:assert/strict";
import { fleetFiles } from "../bench/fleet-template.ts";
import { startSimulator, type Simulator } from "../bench/simulator.ts";
import { eventually } from "../harness/eventually.ts";
import { createToken } from "../harness/fleet.ts";
import { prepareInstallation, type Installation, type ServiceProcess } from "../harness/installation.ts";
import { redisFault } from "../harness/redis-server.ts";

const size = 90;
/** Of 30 devices a fifth is less than what is worth a reconnect. */
const bounds = { least: 20, most: 40 };

describe(`when one of three connectors was killed and is back, with ${size} devices`, function () {
  this.timeout(600_000);
  let installation: Installation;
  let simulator: Simulator;
  let templateId: string;

  before(async function () {
    if (redisFault() !== undefined) return this.skip();
    installation = await prepareInstallation({ counts: { enroll: 1, connector: 3, frontend: 1 } });
    await installation.begin();
    const api = await installation.api();
    templateId = (await api.post("/templates", { name: "even", files: fleetFiles("1") })).id;
    simulator = await startSimulator({
      platformUrl: installation.enrollUrl,
      trust: await installation.trust(),
      token: await createToken(api, { templateIds: [templateId] }),
      devices: Array.from({ length: size }, (_none, index) => ({ name: `sim-${index + 1}` })),
    });
    await simulator.enroll({ concurrency: 16 });
    await simulator.connect({ concurrency: 32 });
    await allReleased("1");
  });
  after(async () => {
    await simulator?.kill();
    await installation?.stop();
  });

  async function allReleased(release: string): Promise<void> {
    const counts = await simulator.until(
      (now) => now.releasedOwn === size && now.connected === size && now.waitingReports === 0,
      { timeoutMs: 120_000, release },
    );
    assert.deepEqual([counts.releasedOwn, counts.connected], [size, size], JSON.stringify(counts));
  }

  async function numberOf(connector: ServiceProcess, metric: RegExp): Promise<number> {
    return Number(metric.exec((await connector.page("/metrics")) ?? "")?.[1] ?? Number.NaN);
  }
  const countsOf = (metric: RegExp): Promise<number[]> =>
    Promise.all(installation.of("connector").map((connector) => numberOf(connector, metric)));
  const live = (): Promise<number[]> => countsOf(/rciots_sessions\{state="live"\} (\d+)/);
  const moved = (): Promise<number[]> => countsOf(/rciots_sessions_moved_total (\d+)/);
  const sum = (counts: number[]): number => counts.reduce((total, count) => total + count, 0);

  async function isEven(): Promise<void> {
    const counts = await live();
    assert.equal(sum(counts), size, counts.join(" + "));
    for (const count of counts)
      assert.ok(count >= bounds.least && count <= bounds.most, `${counts.join(" ")} sessions`);
    const online = await installation.db.collection("devices").countDocuments({ "presence.online": true });
    assert.equal(online, size);
  }

  it("gives it sessions again, a few at a time, and loses nothing", async () => {
    const [victim] = installation.of("connector");
    assert.ok(victim);
    await victim.end("SIGKILL");
    await eventually(
      async () => {
        const counts = (await live()).slice(1);
        assert.equal(sum(counts), size, counts.join(" + "));
      },
      { timeoutMs: 60_000, intervalMs: 250 },
    );
    victim.begin();
    await victim.ready();
    assert.ok(((await live())[0] ?? 0) < bounds.least, "nobody comes by themselves");

    await eventually(async () => assert.ok(sum(await moved()) > 0), { timeoutMs: 180_000, intervalMs: 250 });
    // In the middle of it every device is given something new to run.
    const api = await installation.api();
    await api.patch(`/templates/${templateId}`, { files: fleetFiles("2") });
    await eventually(isEven, { timeoutMs: 180_000, intervalMs: 500 });
    await allReleased("2");
    await eventually(isEven, { timeoutMs: 60_000, intervalMs: 500 });
    const sent = sum(await moved());
    console.log(`      ${(await live()).join(" + ")} sessions after ${sent} moves`);
    assert.ok(sent <= size, `${sent} moves`);
    const { gaveUp } = await simulator.counts();
    assert.deepEqual(gaveUp, {});
  });
});
