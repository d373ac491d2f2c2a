import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ApiClient } from "../harness/api-client.ts";
import { eventually } from "../harness/eventually.ts";
import { createToken, deviceOnline, findDevice } from "../harness/fleet.ts";
import { createNetwork, networkFault, type TestNetwork } from "../harness/network-namespace.ts";
import { startPlatformProcess, type PlatformProcess } from "../harness/platform-process.ts";
import { startProcess, type TestProcess } from "../harness/process.ts";

const bundle = fileURLToPath(new URL("../../agent/dist/rciots-agent.js", import.meta.url));
/** What the contract promises for a path that drops packets. */
const noticedInMs = 30_000;

describe("when the path between agent and platform swallows every packet", function () {
  this.timeout(150_000);
  let network: TestNetwork;
  let platform: PlatformProcess;
  let agent: TestProcess;
  let api: ApiClient;
  let folder: string;

  before(async function () {
    const fault = networkFault();
    if (fault !== undefined) {
      console.log(`    skipped: ${fault}`);
      return this.skip();
    }
    network = createNetwork();
    folder = mkdtempSync(join(tmpdir(), "rciots-black-hole-"));
    const { hostAddress, namespace } = network;
    platform = await startPlatformProcess({
      env: { RCIOTS_DEVICE_HOST: hostAddress, RCIOTS_PUBLIC_HOST: hostAddress },
    });
    api = await platform.api();
    agent = startProcess("ip", ["netns", "exec", namespace, process.execPath, bundle], {
      RCIOTS_PLATFORM_URL: platform.enrollUrl.replace("127.0.0.1", hostAddress),
      RCIOTS_CA_FINGERPRINT: platform.caFingerprint,
      RCIOTS_TOKEN: await createToken(api),
      RCIOTS_DEVICE_NAME: "far-away",
      RCIOTS_STATE_DIR: folder,
      RCIOTS_CLUSTER: "none",
    });
    await deviceOnline(api, "far-away");
  });

  after(async () => {
    await agent?.kill("SIGTERM");
    await platform?.stop();
    network?.remove();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });

  it("is noticed by both ends in under 30 s, and the session comes back once packets pass again", async () => {
    const printedBefore = agent.output().length;
    network.blackHole();
    const startedAt = Date.now();
    const platformNoticed = eventually(
      async () => {
        assert.equal((await findDevice(api, "far-away")).presence.online, false);
        return Date.now() - startedAt;
      },
      { timeoutMs: noticedInMs, intervalMs: 200 },
    );
    const agentNoticed = eventually(
      () => {
        assert.match(agent.output().slice(printedBefore), /no session with the platform/);
        return Date.now() - startedAt;
      },
      { timeoutMs: noticedInMs, intervalMs: 200 },
    );
    const [platformMs, agentMs] = await Promise.all([platformNoticed, agentNoticed]);
    console.log(
      `      noticed by the platform after ${(platformMs / 1000).toFixed(1)} s, by the agent after ${(agentMs / 1000).toFixed(1)} s`,
    );
    assert.ok(platformMs < noticedInMs && agentMs < noticedInMs);
    network.heal();
    await deviceOnline(api, "far-away");
  });
});
