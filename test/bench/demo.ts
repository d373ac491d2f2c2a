import { parseArgs } from "node:util";
import { sleep } from "@rciots/runtime";
import { logIn, type ApiClient } from "../harness/api-client.ts";
import { startPlatformProcess, type PlatformProcess } from "../harness/platform-process.ts";
import { demoDevices, demoTemplates } from "./demo-content.ts";
import { rootOf } from "./platform.ts";
import { startSimulator, type Simulator } from "./simulator.ts";

const defaultDevices = 50;
const maxDevices = 5_000;
const adminPassword = "demonstration only";
/** How long a revision may take to be healthy, so that what is stuck shows as failed soon. */
const deadlineMs = 60_000;

const usage = `Shows the platform with simulated devices: a platform on a temporary data folder, and agents whose clusters are
in memory. Ctrl+C ends everything and removes the data.

Usage: npm run demo -- [options]

  --devices N   simulated devices, at most ${maxDevices} (default ${defaultDevices})
`;

const say = (message: string): void => void process.stderr.write(`> ${message}\n`);

function readArgs() {
  const { values } = parseArgs({
    options: {
      devices: { type: "string", default: String(defaultDevices) },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const devices = Number(values.devices);
  if (!Number.isInteger(devices) || devices < 1 || devices > maxDevices)
    throw new Error(`--devices takes a number from 1 to ${maxDevices}.`);
  return { devices, help: values.help };
}

async function fill(api: ApiClient): Promise<string> {
  const templateIds: string[] = [];
  for (const template of demoTemplates)
    templateIds.push((await api.post<{ id: string }>("/templates", template)).id);
  const { token } = await api.post<{ token: string }>("/provisioning-tokens", {
    name: "simulated devices",
    approval: "automatic",
    labels: { simulated: "true" },
    templateIds,
  });
  return token;
}

function welcome(platform: PlatformProcess, devices: number): string {
  const { consoleUrl, enrollUrl, edgePort, caFingerprint } = platform;
  return `
  ${devices} SIMULATED devices: real agents and real mTLS, clusters in memory. Nothing runs on them.

    Console and API   ${consoleUrl}
    User, password    admin, ${adminPassword}
    Enrolment         ${enrollUrl}
    Device channel    wss://127.0.0.1:${edgePort}
    CA fingerprint    ${caFingerprint}

  Of twenty devices one is degraded after some seconds, one is never ready and fails after its deadline, and
  one refuses what it is given. Try, in another terminal:

    TOKEN=$(curl -s ${consoleUrl}/api/v1/login -H 'content-type: application/json' \\
      -d '{"username":"admin","password":"${adminPassword}"}' | sed 's/.*"token":"\\([^"]*\\)".*/\\1/')
    curl -s ${consoleUrl}/api/v1/devices/summary -H "authorization: Bearer $TOKEN"
    curl -s "${consoleUrl}/api/v1/devices?label=site=berlin&limit=5" -H "authorization: Bearer $TOKEN"
    curl -s "${consoleUrl}/api/v1/events?limit=10" -H "authorization: Bearer $TOKEN"

  Ctrl+C ends it and removes the data.
`;
}

interface FleetSummary {
  total: number;
  online: number;
  byState: Record<string, number>;
}

async function showStatus(api: ApiClient, signal: AbortSignal): Promise<void> {
  let shown = "";
  while (!signal.aborted) {
    const summary = await api.get<FleetSummary>("/devices/summary").catch(() => undefined);
    if (summary !== undefined) {
      const states = Object.entries(summary.byState).map(([state, count]) => `${count} ${state}`);
      const line = `  ${summary.online} of ${summary.total} simulated devices online: ${states.join(", ")}`;
      if (process.stdout.isTTY) process.stdout.write(`\r\u001b[K${line}`);
      else if (line !== shown) process.stdout.write(`${line}\n`);
      shown = line;
    }
    await sleep(1_000, signal);
  }
  if (process.stdout.isTTY) process.stdout.write("\n");
}

async function shortenDeadlines(api: ApiClient): Promise<void> {
  let cursor: string | null = "";
  while (cursor !== null) {
    const query: string = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const page: { items: { id: string }[]; nextCursor?: string | null } = await api.get(
      `/devices?limit=100${query}`,
    );
    for (const { id } of page.items) await api.patch(`/devices/${id}`, { deadlineMs });
    cursor = page.nextCursor ?? null;
  }
}

async function run(platform: PlatformProcess, devices: number, stopping: AbortController): Promise<void> {
  const api = await logIn(platform.consoleUrl, "admin", adminPassword);
  const token = await fill(api);
  let simulator: Simulator | undefined;
  try {
    simulator = await startSimulator({
      platformUrl: platform.enrollUrl,
      trust: { kind: "ca", pem: await rootOf(platform.enrollUrl, platform.caFingerprint) },
      token,
      devices: demoDevices(devices),
    });
    const started = simulator;
    stopping.signal.addEventListener("abort", () => void started.kill(), { once: true });
    if (stopping.signal.aborted) return;
    say("Enrolling the simulated devices ...");
    await simulator.enroll({ concurrency: 16 });
    await shortenDeadlines(api);
    process.stdout.write(welcome(platform, devices));
    const connecting = simulator.connect({ concurrency: 32 });
    connecting.catch(() => undefined);
    await showStatus(api, stopping.signal);
  } catch (error) {
    // What fails because it is being ended has not failed.
    if (!stopping.signal.aborted) throw error;
  } finally {
    await simulator?.kill();
  }
}

async function main(): Promise<void> {
  const { devices, help } = readArgs();
  if (help) return void process.stdout.write(usage);
  const stopping = new AbortController();
  process.on("SIGINT", () => stopping.abort());
  process.on("SIGTERM", () => stopping.abort());
  say("Starting a platform on a temporary data folder ...");
  const platform = await startPlatformProcess({
    env: { RCIOTS_ADMIN_PASSWORD: adminPassword },
  });
  try {
    if (!stopping.signal.aborted) await run(platform, devices, stopping);
  } finally {
    await platform.stop();
    say("Everything ended; the data is removed.");
  }
}

try {
  await main();
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
