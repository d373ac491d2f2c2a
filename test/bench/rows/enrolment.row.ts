import { formatCount, formatMs, type BenchContext, type BenchRow, type Measurement } from "../measurement.ts";
import { startWorker } from "../child-worker.ts";
import type { HandshakeCalls } from "../handshake-worker.ts";
import { percentile } from "../percentile.ts";
import { cpuSeconds } from "../process-usage.ts";

const targetPerSecond = 200;
const targetP99Ms = 500;

/** From the token to the certificate in the device's store and the documents in the database. */
async function run({ fleet, handshakeSeconds }: BenchContext): Promise<Measurement[]> {
  const { enrollment, platform, size } = await fleet();
  const handshakes = await measureHandshakes(platform, handshakeSeconds * 1_000);
  const perSecond = (enrollment.durationsMs.length / enrollment.elapsedMs) * 1_000;
  const perCpuSecond = enrollment.durationsMs.length / enrollment.platformCpuSeconds;
  const p50 = percentile(enrollment.durationsMs, 50);
  const p99 = percentile(enrollment.durationsMs, 99);
  const setting = `${formatCount(size)} devices, ${enrollment.concurrency} at a time`;
  return [
    {
      row: "enrolment",
      what: "token to certificate to database",
      size: setting,
      baseline: `${formatCount(handshakes.perSecond)} TLS handshakes/s`,
      measured: `${formatCount(perSecond)}/s; ${formatCount(perCpuSecond)} per platform CPU second`,
      ratio: perSecond / handshakes.perSecond,
      target: `${targetPerSecond}/s`,
      passed: perSecond >= targetPerSecond,
      load: targetPerSecond / perSecond,
      notes: [
        "Key generation, CSR and TLS of the devices run on the same two cores as the platform.",
        `Handshakes on the same port, without enrolment: ${formatCount(handshakes.perCpuSecond)} per platform CPU second.`,
      ],
    },
    {
      row: "enrolment",
      what: "time of one enrolment, p50 / p99",
      size: setting,
      baseline: "",
      measured: `${formatMs(p50)} / ${formatMs(p99)}`,
      ratio: p99 / targetP99Ms,
      target: `p99 ${targetP99Ms} ms`,
      passed: p99 < targetP99Ms,
      load: p99 / targetP99Ms,
    },
  ];
}

async function measureHandshakes(
  platform: { enrollPort: number; trust: { pem: string }; pid(): number },
  durationMs: number,
) {
  const client = startWorker<HandshakeCalls>("handshake-worker");
  try {
    const before = cpuSeconds(platform.pid());
    const { count } = await client.call("run", {
      port: platform.enrollPort,
      ca: platform.trust.pem,
      resume: false,
      lanes: 16,
      durationMs,
    });
    const spent = cpuSeconds(platform.pid()) - before;
    return { perSecond: (count / durationMs) * 1_000, perCpuSecond: count / spent };
  } finally {
    await client.kill();
  }
}

export const enrolmentRow: BenchRow = {
  name: "enrolment",
  about: "enrolments a second, and how long one takes",
  run,
};
