/*
 * Token to certificate to database, over real TLS on loopback: each enrolment is a connection of its own with a full
 * handshake. The load runs in another process; server and store run in this one. Run it from the repository's top:
 *   npx tsx services/enroll/bench/enrollment.bench.ts [seconds] [rate]
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { createFixture } from "../test/fixture.ts";
import type { LoadOrder, LoadReport } from "./load.ts";

const [seconds = 10, rate = 200] = process.argv.slice(2).map(Number);
const fixture = await createFixture();
const { enroll } = await fixture.start({ maintenanceIntervalMs: 15_000 });
const { secret: token } = await fixture.newToken({ maxDevices: 1_000_000 });
const loadFile = fileURLToPath(new URL("load.ts", import.meta.url));
const load = fork(loadFile, { execArgv: ["--import", "tsx"] });

async function measure(
  title: string,
  order: Pick<LoadOrder, "kind" | "rate" | "count" | "prefix">,
): Promise<void> {
  const delay = monitorEventLoopDelay({ resolution: 5 });
  const cpu = process.cpuUsage();
  const { port } = enroll.address();
  load.send({ ...order, port, ca: enroll.rootCertificates(), token });
  delay.enable();
  const [report] = (await once(load, "message")) as [LoadReport];
  delay.disable();
  const { user, system } = process.cpuUsage(cpu);
  const figures = {
    perSecond: Math.round(report.perSecond),
    p50Ms: Math.round(report.p50Ms),
    p99Ms: Math.round(report.p99Ms),
    maxMs: Math.round(report.maxMs),
    serverCpuMsEach: Number(((user + system) / 1_000 / order.count).toFixed(2)),
    loopDelayP99Ms: Math.round(delay.percentile(99) / 1e6),
    failures: report.failures,
  };
  process.stdout.write(`${title} ${JSON.stringify(figures)}\n`);
}

await measure("warm-up", { kind: "closed", rate: 8, count: 200, prefix: "warm" });
await measure("handshakes alone, 16 at once", { kind: "handshake", rate: 16, count: 2_000, prefix: "" });
await measure(`enrolments, ${rate} a second`, { kind: "open", rate, count: rate * seconds, prefix: "open" });
await measure("enrolments, 32 at once", { kind: "closed", rate: 32, count: 2_000, prefix: "closed" });
load.kill();
await fixture.stop();
