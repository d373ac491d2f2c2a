import assert from "node:assert/strict";
import { fleetFiles } from "../bench/fleet-template.ts";
import { settled } from "../bench/fleet.ts";
import { startPlatform, type MeasuredPlatform } from "../bench/platform.ts";
import { startSimulator, type Simulator } from "../bench/simulator.ts";
import type { ApiClient } from "../harness/api-client.ts";

const size = 20;

describe("when twenty simulated devices meet the platform", function () {
  this.timeout(60_000);
  let platform: MeasuredPlatform;
  let simulator: Simulator;
  let api: ApiClient;
  let templateId: string;

  before(async function () {
    platform = await startPlatform();
    if (platform.kustomize.path === undefined) return this.skip();
    api = await platform.api();
    templateId = (await api.post<{ id: string }>("/templates", { name: "simulated", files: fleetFiles("1") }))
      .id;
    const { token } = await api.post<{ token: string }>("/provisioning-tokens", {
      name: "simulated",
      approval: "automatic",
      templateIds: [templateId],
    });
    simulator = await startSimulator({
      platformUrl: platform.enrollUrl,
      trust: platform.trust,
      token,
      devices: Array.from({ length: size }, (_none, index) => ({ name: `sim-${index + 1}` })),
    });
  });
  after(async () => {
    await simulator?.stop();
    await platform?.stop();
  });

  it("enrols all of them, and they say that they are simulated", async () => {
    const durations = await simulator.enroll({ concurrency: 8 });
    assert.equal(durations.length, size);
    assert.equal(await platform.count("devices", { status: "active", "facts.simulated": true }), size);
  });

  it("brings each a manifest of its own, and all are healthy", async () => {
    await simulator.connect({ concurrency: 8 });
    const { isComplete } = await settled({ platform, simulator, size }, "1", 30_000);
    assert.ok(isComplete, JSON.stringify(await simulator.counts("1")));
    assert.equal(platform.kustomize.builds(), 1);
  });

  it("brings all of them the next version with one build", async () => {
    await api.patch(`/templates/${templateId}`, { files: fleetFiles("2") });
    const { isComplete } = await settled({ platform, simulator, size }, "2", 30_000);
    assert.ok(isComplete, JSON.stringify(await simulator.counts("2")));
    assert.equal(platform.kustomize.builds(), 2);
  });

  it("lets them come back with what they were", async () => {
    await simulator.disconnect();
    assert.equal((await simulator.counts()).connected, 0);
    await simulator.connect({ concurrency: 8 });
    const { isComplete } = await settled({ platform, simulator, size }, "2", 30_000);
    assert.ok(isComplete, JSON.stringify(await simulator.counts("2")));
    assert.equal(await platform.count("devices", {}), size);
  });
});
