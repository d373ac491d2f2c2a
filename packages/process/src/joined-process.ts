import {
  createInternalServer,
  errorMessage,
  healthReport,
  withTimeout,
  type Bus,
  type HealthReport,
  type InternalServer,
  type Logger,
  type TryLimits,
} from "@rciots/runtime";
import type { Metrics } from "@rciots/metrics";
import type { Store } from "@rciots/store";
import { anyAddress } from "./addresses.ts";
import { createPartList, type PartList } from "./part-list.ts";
import { openMetrics, openRedisBus, openStore } from "./shared-parts.ts";

/** `ok`, or what is wrong in words. */
type Check = () => string | Promise<string>;

/** What a service needs of the process it runs in. */
export interface ProcessContext {
  store: Store;
  bus: Bus;
  tryLimits: TryLimits;
  busFault: () => string | undefined;
  metrics: Metrics;
  logger: Logger;
  /** Aborted once the process is to stop, also while it starts. */
  signal: AbortSignal;
  parts: PartList;
  /** Whether it may get work: asked by load balancers. */
  addReadyCheck(name: string, check: Check): void;
  /** Whether it is of use: where not, a supervisor starts it again. */
  addLiveCheck(name: string, check: Check): void;
}

export interface JoinedProcess {
  /** Of /healthz and /readyz. */
  readonly internal: InternalServer;
  /** Says that it is not ready, then stops its parts. */
  stop(): Promise<void>;
}

const pingTimeoutMs = 2_000;

async function run(checks: Map<string, Check>): Promise<Record<string, string>> {
  const answers = await Promise.all(
    [...checks].map(async ([name, check]): Promise<[string, string]> => [
      name,
      await Promise.resolve()
        .then(check)
        .catch((error: unknown) => errorMessage(error)),
    ]),
  );
  return Object.fromEntries(answers);
}

async function checkStore(store: Store, logger: Logger): Promise<string> {
  try {
    await withTimeout(store.ping(), pingTimeoutMs, () => new Error(`no answer in ${pingTimeoutMs} ms`));
    return "ok";
  } catch (error) {
    logger.warn({ error: errorMessage(error) }, "store does not answer");
    return "the store does not answer";
  }
}

/**
 * One service in a process of its own: on the installation's MongoDB and Redis, with its health and numbers on an internal
 * port that answers from before the service starts until after it has stopped. What was begun is stopped again
 * where the rest can't start.
 */
export async function startJoinedProcess(options: {
  config: {
    mongodbUri: string;
    redisUrl: string;
    eventRetentionMs: number;
    connectionRetentionMs: number;
    healthHost?: string | undefined;
    healthPort: number;
  };
  logger: Logger;
  signal: AbortSignal;
  /** Of all parts together. */
  stopTimeoutMs: number;
  begin: (context: ProcessContext) => Promise<void>;
}): Promise<JoinedProcess> {
  const { config, logger, signal } = options;
  const parts = createPartList({ timeoutMs: options.stopTimeoutMs, logger });
  const [ready, live] = [new Map<string, Check>(), new Map<string, Check>()];
  const metrics = openMetrics();
  let phase = "starting";

  async function report(checks: Map<string, Check>): Promise<HealthReport> {
    return healthReport(await run(checks));
  }
  ready.set("process", () => (signal.aborted ? "stopping" : phase));
  const internal = createInternalServer({
    host: config.healthHost ?? anyAddress(),
    port: config.healthPort,
    live: () => report(live),
    ready: () => report(new Map([...ready, ...live])),
    pages: { "/metrics": metrics.page },
    logger,
  });

  async function begin(): Promise<void> {
    const { mongodbUri: uri, eventRetentionMs, connectionRetentionMs } = config;
    const store = await openStore({ uri, eventRetentionMs, connectionRetentionMs, metrics }, parts);
    const { bus, tryLimits, fault } = await openRedisBus({ url: config.redisUrl, store, logger }, parts);
    metrics.watchBus(() => fault() === undefined);
    ready.set("store", () => checkStore(store, logger));
    ready.set("bus", () => fault() ?? "ok");
    await options.begin({
      store,
      bus,
      tryLimits,
      busFault: fault,
      metrics,
      logger,
      signal,
      parts,
      addReadyCheck: (name, check) => void ready.set(name, check),
      addLiveCheck: (name, check) => void live.set(name, check),
    });
  }

  async function stop(): Promise<void> {
    phase = "stopping";
    await parts.stop();
    await internal.stop();
  }

  await internal.start();
  try {
    await begin();
  } catch (error) {
    await stop();
    throw error;
  }
  phase = "ok";
  return { internal, stop };
}
