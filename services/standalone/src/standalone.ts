import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { createConnector, type Connector } from "@rciots/connector";
import { startEmbeddedMongo } from "@rciots/embedded-mongo";
import { createEnroll, enrollOptionsOf, type Enroll } from "@rciots/enroll";
import { openFrontend, openRendering, type Frontend } from "@rciots/frontend";
import type { KustomizeBinary } from "@rciots/manifests";
import type { Metrics } from "@rciots/metrics";
import {
  anyAddress,
  createPartList,
  edgeUrlOf,
  enrollUrlOf,
  openMetrics,
  openRedisBus,
  openStore,
  vaultOf,
  type PartList,
} from "@rciots/process";
import type { DeviceStreams } from "@rciots/protocol";
import { createRelay, type Relay } from "@rciots/relay";
import {
  certificateFingerprint,
  createInternalServer,
  createMemoryBus,
  healthReport,
  newId,
  type Bus,
  type Environment,
  type Logger,
  type TryLimits,
  type Vault,
} from "@rciots/runtime";
import type { Store } from "@rciots/store";
import type { StandaloneConfig } from "./config.ts";
import { loadOrCreateKeyFile } from "./key-file.ts";

const stopTimeoutMs = 20_000;

export interface StandaloneOptions {
  config: StandaloneConfig;
  logger: Logger;
  /** Of the process: PATH, and what Go needs where kustomize has to be built. */
  env: Environment;
  /** Folder of the built console; absent: the API alone. */
  consoleDir?: string;
  /** Holds `agent/openshift` and `charts/rciots-agent`, from which clusters install the agent. */
  installDir: string;
  /** Told what takes long or is missing. */
  say?: (message: string) => void;
}

export interface Standalone {
  consoleUrl: string;
  enrollUrl: string;
  edgeUrl: string;
  /** SHA-256 of the root certificate, in hex; what an agent is told to trust. */
  caFingerprint: string;
  /** The administrator; the password only where it was made in this very start. */
  admin: { username: string; password?: string };
  /** What renders templates, or null where nothing was found. */
  kustomize: KustomizeBinary | null;
  stop(): Promise<void>;
}

/**
 * Enrolment, connector, API and store in one process. What was started is stopped again when a later part
 * can't start.
 */
export async function startStandalone(options: StandaloneOptions): Promise<Standalone> {
  const { config, logger } = options;
  const parts = createPartList({ timeoutMs: stopTimeoutMs + config.drainSeconds * 1_000, logger });
  try {
    return { ...(await startParts(options, parts)), stop: parts.stop };
  } catch (error) {
    await parts.stop();
    throw error;
  }
}

async function startParts(options: StandaloneOptions, parts: PartList): Promise<Omit<Standalone, "stop">> {
  const { config, logger } = options;
  const dataDir = resolve(config.dataDir);
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const keyOf = async (given: string | undefined, name: string): Promise<Vault> =>
    vaultOf(given ?? (await loadOrCreateKeyFile(join(dataDir, "keys", name))));
  const vault = await keyOf(config.masterKey, "master.key");
  const caVault = await keyOf(config.caKey, "ca.key");

  const { mongodbUri = await startEmbedded(dataDir, logger, parts) } = config;
  const { eventRetentionMs, connectionRetentionMs } = config;
  const metrics = openMetrics();
  const retention = { eventRetentionMs, connectionRetentionMs };
  const store = await openStore({ uri: mongodbUri, ...retention, metrics }, parts);
  const { bus, tryLimits, connectorId, busFault } = await openBus({ config, store, logger, parts });
  const deviceHost = config.deviceHost ?? anyAddress();
  const enroll = createEnroll({
    store,
    bus,
    tryLimits,
    logger: logger.child({ service: "enroll" }),
    caVault,
    host: deviceHost,
    onRequest: metrics.observeRequest,
    ...enrollOptionsOf(config),
  });
  await enroll.start();
  parts.add({ name: "enroll", stop: enroll.stop });

  const { env, say } = options;
  const withCache = { ...config, cacheDir: join(dataDir, "cache") };
  const rendering = await openRendering({ config: withCache, store, vault, logger, env, say });
  // Without a bus to other processes there are none that hold sessions.
  const reach: DeviceStreams | undefined =
    config.redisUrl === undefined
      ? undefined
      : { open: (...args) => (relay ?? connector).streams.open(...args) };
  const connector = createConnector({
    store,
    bus,
    logger: logger.child({ service: "connector" }),
    vault,
    desiredState: rendering.desiredState,
    renewer: enroll.renewer,
    edgeTls: enroll.edgeTls,
    host: deviceHost,
    port: config.edgePort,
    connectorId,
    relayAddress: () => relay?.address() ?? null,
    // Without others there is nowhere to go but here, once it runs again.
    settings: {
      drainSpreadMs: config.drainSeconds * 1_000,
      drainMoveMs: config.redisUrl === undefined ? 0 : config.drainSeconds * 1_000,
      rebalancePercent: config.redisUrl === undefined ? 0 : config.rebalancePercent,
    },
    ...(config.tunnelPorts === undefined
      ? {}
      : { tunnels: { host: config.tunnelHost, ports: config.tunnelPorts, streams: reach } }),
  });
  // Before the connector, which says where it is reached; and it outlives the sessions that it leads to.
  const relay =
    config.redisUrl === undefined ? undefined : openRelay(options, { store, vault, connector, connectorId });
  if (relay !== undefined) {
    await relay.start();
    parts.add({ name: "relay", stop: relay.stop });
  }
  await connector.start();
  parts.add({ name: "connector", stop: connector.stop });

  const { rootCertificates } = enroll;
  const { frontend, admin } = await openFrontend({
    config: withCache,
    rendering,
    store,
    bus,
    tryLimits,
    vault,
    logger: logger.child({ service: "frontend" }),
    env,
    deviceStreams: relay?.streams ?? connector.streams,
    rootCertificates,
    busFault,
    onRequest: metrics.observeRequest,
    tunnelHost: config.tunnelHost,
    consoleDir: options.consoleDir,
    installDir: options.installDir,
  });
  await frontend.start();
  parts.add({ name: "frontend", stop: frontend.stop });
  const consoleHost = config.consoleHost === "127.0.0.1" ? "localhost" : config.consoleHost;
  metrics.watchBus(() => busFault() === undefined);
  metrics.watchConnector(connector.numbers);
  metrics.watchEnroll(enroll.numbers);
  await startInternal({ config, logger, metrics, frontend, connector, enroll, parts });
  return {
    consoleUrl: `http://${consoleHost}:${frontend.address().port}`,
    enrollUrl: enrollUrlOf(config),
    edgeUrl: edgeUrlOf(config),
    caFingerprint: certificateFingerprint(rootCertificates()),
    admin,
    kustomize: rendering.kustomize,
  };
}

/** What supervisors and Prometheus ask, where a port for it is set. */
async function startInternal(options: {
  config: StandaloneConfig;
  logger: Logger;
  metrics: Metrics;
  frontend: Frontend;
  connector: Connector;
  enroll: Enroll;
  parts: PartList;
}): Promise<void> {
  const { config, logger, metrics, frontend, connector, enroll, parts } = options;
  if (config.healthPort === undefined) return;
  const internal = createInternalServer({
    host: config.healthHost,
    port: config.healthPort,
    live() {
      const sessions = connector.health().isAlive ? "ok" : "the connector's loops don't get through";
      const loops = frontend.staleLoops().join("; ") || "ok";
      return healthReport({ ...enroll.health.live().checks, sessions, frontend: loops });
    },
    async ready() {
      const [{ checks }, { faults }] = await Promise.all([enroll.health.ready(), frontend.health()]);
      const sessions = connector.health().ok ? "ok" : "the connector takes no sessions";
      return healthReport({ ...checks, sessions, frontend: faults.join("; ") || "ok" });
    },
    pages: { "/metrics": metrics.page },
    logger,
  });
  await internal.start();
  parts.add({ name: "internal server", stop: internal.stop });
}

/** To the devices of the other processes, and for those to the ones that are connected here. */
function openRelay(
  { config, logger }: StandaloneOptions,
  {
    store,
    vault,
    connector,
    connectorId,
  }: { store: Store; vault: Vault; connector: Connector; connectorId: string },
): Relay {
  return createRelay({
    store,
    vault,
    processId: connectorId,
    local: {
      connectorId,
      streams: connector.streams,
      host: config.relayHost ?? anyAddress(),
      port: config.relayPort,
      advertise: config.relayAdvertise,
      podIp: config.podIp,
    },
    logger: logger.child({ service: "relay" }),
  });
}

/** Resolves with the URI of the embedded store. */
async function startEmbedded(dataDir: string, logger: Logger, parts: PartList): Promise<string> {
  const log = logger.child({ service: "embedded-mongo" });
  const embedded = await startEmbeddedMongo({
    dataDir: join(dataDir, "store"),
    dbName: "rciots",
    logger: { debug: (message) => log.debug({}, message), error: (message) => log.error({}, message) },
  });
  parts.add({ name: "embedded store", stop: embedded.stop });
  return embedded.uri;
}

interface OpenBus {
  bus: Bus;
  /** Undefined: this process is alone, and counts by itself. */
  tryLimits: TryLimits | undefined;
  /** Names this process where it holds the sessions of devices. */
  connectorId: string;
  /** What keeps this process from the others, in words. */
  busFault: () => string | undefined;
}

/** In memory, or over Redis to the other processes on the same database. */
async function openBus(options: {
  config: StandaloneConfig;
  store: Store;
  logger: Logger;
  parts: PartList;
}): Promise<OpenBus> {
  const { config, store, logger, parts } = options;
  if (config.redisUrl === undefined) {
    const busFault = (): undefined => undefined;
    return { bus: createMemoryBus(), tryLimits: undefined, connectorId: "standalone", busFault };
  }
  if (config.mongodbUri === undefined) {
    throw new Error("REDIS_URL joins several processes on one MongoDB: set MONGODB_URI too.");
  }
  const { bus, tryLimits, fault } = await openRedisBus({ url: config.redisUrl, store, logger }, parts);
  return { bus, tryLimits, connectorId: newId("con"), busFault: fault };
}
