import { anyAddress, startJoinedProcess, vaultOf, type JoinedProcess } from "@rciots/process";
import type { Logger } from "@rciots/runtime";
import { enrollOptionsOf, type EnrollConfig } from "./config.ts";
import { createEnroll } from "./enroll.ts";

const stopTimeoutMs = 20_000;

/** Enrolment in a process of its own: the only one that opens the CA's keys. */
export function startEnrollProcess(options: {
  config: EnrollConfig;
  logger: Logger;
  signal: AbortSignal;
}): Promise<JoinedProcess> {
  const { config, logger, signal } = options;
  return startJoinedProcess({
    config,
    logger,
    signal,
    stopTimeoutMs: stopTimeoutMs + config.drainSeconds * 1_000,
    async begin({ store, bus, tryLimits, metrics, parts, addReadyCheck, addLiveCheck }) {
      const enroll = createEnroll({
        store,
        bus,
        tryLimits,
        logger,
        caVault: vaultOf(config.caKey),
        host: config.deviceHost ?? anyAddress(),
        onRequest: metrics.observeRequest,
        ...enrollOptionsOf(config),
      });
      const wordsOf = (checks: Record<string, string>): string =>
        Object.entries(checks)
          .filter(([, found]) => found !== "ok")
          .map(([name, found]) => `${name}: ${found}`)
          .join("; ") || "ok";
      addReadyCheck("enrolment", async () => wordsOf((await enroll.health.ready()).checks));
      addLiveCheck("loops", () => wordsOf(enroll.health.live().checks));
      await enroll.start();
      parts.add({ name: "enroll", stop: enroll.stop });
      metrics.watchEnroll(enroll.numbers);
    },
  });
}
