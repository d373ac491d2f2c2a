import {
  errorMessage,
  healthReport,
  withTimeout,
  type HealthReport,
  type Loop,
  type TlsSource,
} from "@rciots/runtime";
import type { Store } from "@rciots/store";
import { X509Certificate } from "node:crypto";

export interface Health {
  /** What a restart would mend: a background loop that has not finished a step for long. */
  live(): HealthReport;
  /** Also what enrolment needs of others: the store, and a server certificate that is in force. */
  ready(): Promise<HealthReport>;
}

export interface WatchedLoop {
  name: string;
  loop: Loop;
  /** Its last successful step may be this old. */
  maxAgeMs: number;
}

const storeTimeoutMs = 2_000;
/** An answer of the store is good for this long, so that probes do not become load. */
const storeMaxAgeMs = 1_000;

export function createHealth(options: {
  store: Store;
  tls: TlsSource;
  isStarted: () => boolean;
  loops: () => WatchedLoop[];
  now: () => Date;
}): Health {
  const { store, tls, isStarted, loops, now } = options;
  let startedAtMs: number | undefined;
  let lastPing = { atMs: Number.NEGATIVE_INFINITY, result: Promise.resolve("ok") };
  let leaf = { cert: "", notAfter: new Date(0) };

  async function ping(): Promise<string> {
    try {
      await withTimeout(store.ping(), storeTimeoutMs, () => new Error(`no answer in ${storeTimeoutMs} ms`));
      return "ok";
    } catch (error) {
      return `the store does not answer: ${errorMessage(error)}`;
    }
  }

  function checkStore(): Promise<string> {
    const nowMs = performance.now();
    if (nowMs - lastPing.atMs > storeMaxAgeMs) lastPing = { atMs: nowMs, result: ping() };
    return lastPing.result;
  }

  function checkLoops(): Record<string, string> {
    if (!isStarted()) return {};
    startedAtMs ??= performance.now();
    const runningMs = performance.now() - startedAtMs;
    return Object.fromEntries(
      loops().map(({ name, loop, maxAgeMs }) => {
        // Before the first success the age is infinite; it then counts from the start.
        const ageMs = Math.min(loop.ageMs(), Number.MAX_SAFE_INTEGER);
        const isStuck = ageMs > maxAgeMs && runningMs > maxAgeMs;
        return [name, isStuck ? `no success for ${Math.round(Math.min(ageMs, runningMs) / 1_000)} s` : "ok"];
      }),
    );
  }

  function checkCertificate(): string {
    try {
      const { cert } = tls.current();
      if (leaf.cert !== cert) leaf = { cert, notAfter: new Date(new X509Certificate(cert).validTo) };
      return leaf.notAfter > now()
        ? "ok"
        : `the server certificate expired at ${leaf.notAfter.toISOString()}`;
    } catch (error) {
      return errorMessage(error);
    }
  }

  return {
    live: () => healthReport(checkLoops()),
    async ready() {
      return healthReport({
        started: isStarted() ? "ok" : "not started, or stopping",
        store: await checkStore(),
        certificate: checkCertificate(),
        ...checkLoops(),
      });
    },
  };
}
