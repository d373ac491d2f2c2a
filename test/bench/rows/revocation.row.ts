import { createAppSession } from "../raw-session.ts";
import { formatMs, type BenchContext, type BenchRow, type Measurement } from "../measurement.ts";
import { percentile } from "../percentile.ts";

const targetMs = 1_000;
const devicesEach = 10;

/** Revoking the certificates of a device cuts its session, resumed or not. */
async function run({ fleet, say }: BenchContext): Promise<Measurement[]> {
  const { simulator, api } = await fleet();
  say("Revoking ...");
  const identities = await simulator.takeIdentities(2 * devicesEach);
  const measurements: Measurement[] = [];
  for (const isResumed of [false, true]) {
    const chosen = identities.splice(0, devicesEach);
    const durations: number[] = [];
    for (const identity of chosen) {
      const session = await createAppSession(identity, { resume: isResumed });
      const revokedAt = performance.now();
      await Promise.all([
        api.post(`/devices/${identity.deviceId}/certificates/revoke`),
        session.ended.then(() => durations.push(performance.now() - revokedAt)),
      ]);
    }
    const worst = percentile(durations, 100);
    measurements.push({
      row: "revocation",
      what: `revoking a device until its session is cut${isResumed ? ", TLS resumed" : ""}`,
      size: `${chosen.length} devices, one after the other`,
      baseline: "",
      measured: `p50 ${formatMs(percentile(durations, 50))}, worst ${formatMs(worst)}`,
      ratio: worst / targetMs,
      target: formatMs(targetMs),
      passed: durations.length === devicesEach && worst <= targetMs,
      load: worst / targetMs,
    });
  }
  return measurements;
}

export const revocationRow: BenchRow = {
  name: "revocation",
  about: "revoking a device cuts its session, also a resumed one",
  run,
};
