import { resolve } from "node:path";
import {
  createProcessLease,
  createRootCertificates,
  startJoinedProcess,
  vaultOf,
  type JoinedProcess,
} from "@rciots/process";
import { createRelay } from "@rciots/relay";
import { newId, type Environment, type Logger } from "@rciots/runtime";
import type { FrontendConfig } from "./config.ts";
import { openFrontend, openRendering } from "./open-frontend.ts";

const stopTimeoutMs = 20_000;

/** The API and the console in a process of their own; device sessions are others'. */
export function startFrontendProcess(options: {
  config: FrontendConfig;
  logger: Logger;
  signal: AbortSignal;
  env: Environment;
  consoleDir: string;
  installDir: string;
  say: (message: string) => void;
}): Promise<JoinedProcess> {
  const { config, logger, signal, say } = options;
  const processId = newId("fro");
  return startJoinedProcess({
    config,
    logger,
    signal,
    stopTimeoutMs: stopTimeoutMs + config.drainSeconds * 1_000,
    async begin({ store, bus, tryLimits, busFault, metrics, parts, addReadyCheck, addLiveCheck }) {
      const lease = createProcessLease({ store, prefix: "frontend:", processId, logger });
      await lease.start();
      parts.add({ name: "lease", stop: lease.stop });
      addReadyCheck("store writes", lease.check);
      const roots = createRootCertificates({ store, logger });
      await roots.load(signal);
      roots.loop.start();
      parts.add({ name: "root certificates", stop: roots.loop.stop });
      const vault = vaultOf(config.masterKey);
      const relay = createRelay({ store, vault, processId, logger });
      await relay.start();
      parts.add({ name: "relay", stop: relay.stop });
      const shared = { store, vault, logger, env: options.env };
      const withCache = { ...config, cacheDir: resolve(config.dataDir, "cache") };
      const { frontend, admin } = await openFrontend({
        ...shared,
        config: withCache,
        rendering: await openRendering({ ...shared, config: withCache, say }),
        bus,
        tryLimits,
        deviceStreams: relay.streams,
        rootCertificates: roots.current,
        busFault,
        onRequest: metrics.observeRequest,
        consoleDir: options.consoleDir,
        installDir: options.installDir,
      });
      if (admin.password !== undefined)
        say(`The administrator is ${admin.username}, the password ${admin.password} (shown this once).`);
      await frontend.start();
      parts.add({ name: "frontend", stop: frontend.stop });
      addReadyCheck("frontend", async () => (await frontend.health()).faults.join("; ") || "ok");
      addLiveCheck("loops", () => frontend.staleLoops().join("; ") || "ok");
    },
  });
}
