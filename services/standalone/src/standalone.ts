import { mkdir } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import { join, resolve } from "node:path";
import { createConnector, type Connector } from "@rciots/connector";
import { createDesiredState, createOrganizationVault } from "@rciots/desired-state";
import { startEmbeddedMongo } from "@rciots/embedded-mongo";
import { createEnroll } from "@rciots/enroll";
import { createFrontend, createMailer, ensureFirstRun, type Frontend } from "@rciots/frontend";
import {
  createGitSource,
  createKustomize,
  fetchKustomize,
  findKustomize,
  type KustomizeBinary,
} from "@rciots/manifests";
import { createMetrics, type Metrics } from "@rciots/metrics";
import { createRedisBus } from "@rciots/redis-bus";
import { createRelay, type Relay } from "@rciots/relay";
import {
  certificateFingerprint,
  createInternalServer,
  createMemoryBus,
  createVault,
  errorMessage,
  healthReport,
  newId,
  parseMasterKeys,
  stopInOrder,
  type Bus,
  type Environment,
  type Logger,
  type Stoppable,
  type Vault,
} from "@rciots/runtime";
import { createStore, measureStore, type Store } from "@rciots/store";
import type { StandaloneConfig } from "./config.ts";
import { loadOrCreateKeyFile } from "./key-file.ts";
import manifest from "../package.json" with { type: "json" };

const stopTimeoutMs = 20_000;
const { version } = manifest;

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

/** Where devices are expected: every address, by IPv6 where this machine has it. */
function anyAddress(): string {
  const addresses = Object.values(networkInterfaces()).flat();
  return addresses.some((address) => address?.family === "IPv6") ? "::" : "0.0.0.0";
}

const httpsUrl = (host: string, port: number): string =>
  `https://${host.includes(":") ? `[${host}]` : host}:${port}`;

const webSocketUrl = (url: string): string => url.replace(/^http/, "ws");

/** What renders templates. Without it everything else works, and a template says what to install. */
async function findRenderer(
  options: Pick<StandaloneOptions, "config" | "env" | "say"> & { dataDir: string },
): Promise<KustomizeBinary | null> {
  const { config, env, dataDir, say = () => undefined } = options;
  if (config.kustomize !== undefined) {
    const found = await findKustomize({ pathEnv: env["PATH"], explicitPath: config.kustomize });
    if (found === null)
      say(`${config.kustomize} is no kustomize, kubectl or oc that runs; templates can't be rendered.`);
    return found;
  }
  return fetchKustomize({ cacheDir: join(dataDir, "cache"), env, onProgress: say }).catch(
    (error: unknown) => {
      say(errorMessage(error));
      return null;
    },
  );
}

/**
 * Enrolment, connector, API and store in one process. What was started is stopped again when a later part
 * can't start.
 */
export async function startStandalone(options: StandaloneOptions): Promise<Standalone> {
  const { logger } = options;
  const started: Stoppable[] = [];
  // Last started, first stopped: the store outlives everything that writes to it.
  const stop = async (): Promise<void> => {
    await stopInOrder(started.splice(0).reverse(), { timeoutMs: stopTimeoutMs, logger });
  };
  try {
    return { ...(await startParts(options, started)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startParts(
  options: StandaloneOptions,
  started: Stoppable[],
): Promise<Omit<Standalone, "stop">> {
  const { config, logger } = options;
  const dataDir = resolve(config.dataDir);
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const vaultOf = async (given: string | undefined, name: string) =>
    createVault({
      masterKeys: parseMasterKeys(given ?? (await loadOrCreateKeyFile(join(dataDir, "keys", name)))),
    });
  const vault = await vaultOf(config.masterKey, "master.key");
  const caVault = await vaultOf(config.caKey, "ca.key");

  const metrics = createMetrics({ version });
  const store = measureStore(await openStore({ config, dataDir, logger, started }), metrics.observeStore);
  const { bus, connectorId, busFault } = await openBus({ config, store, logger, started });
  const secretVault = createOrganizationVault({ store, vault });
  const binary = await findRenderer({ ...options, dataDir });
  const kustomize = binary === null ? null : createKustomize({ binary });
  const desiredState = createDesiredState({ store, secretVault, kustomize, logger });
  const admin = await ensureFirstRun({ store, vault, adminPassword: config.adminPassword });

  const deviceHost = config.deviceHost ?? anyAddress();
  const serverNames = [config.publicHost, ...config.serverNames];
  const enroll = createEnroll({
    store,
    bus,
    logger: logger.child({ service: "enroll" }),
    caVault,
    host: deviceHost,
    port: config.enrollPort,
    edgeUrl: webSocketUrl(config.edgeUrl ?? httpsUrl(config.publicHost, config.edgePort)),
    serverNames: { enroll: serverNames, edge: serverNames },
    certificateLifetimeMs: config.certificateLifetimeMs,
    allowServerKeys: config.allowServerKeys,
    onRequest: metrics.observeRequest,
    ...(config.tlsCertFile !== undefined && config.tlsKeyFile !== undefined
      ? { ownTls: { certFile: config.tlsCertFile, keyFile: config.tlsKeyFile } }
      : {}),
  });
  await enroll.start();
  started.push({ name: "enroll", stop: enroll.stop });

  const connector = createConnector({
    store,
    bus,
    logger: logger.child({ service: "connector" }),
    vault,
    desiredState,
    renewer: enroll.renewer,
    edgeTls: enroll.edgeTls,
    host: deviceHost,
    port: config.edgePort,
    connectorId,
    relayAddress: () => relay?.address() ?? null,
    ...(config.tunnelPorts === undefined ? {} : { tunnels: { host: config.tunnelHost } }),
  });
  // Before the connector, which says where it is reached; and it outlives the sessions that it leads to.
  const relay =
    config.redisUrl === undefined ? undefined : openRelay(options, { store, vault, connector, connectorId });
  if (relay !== undefined) {
    await relay.start();
    started.push({ name: "relay", stop: relay.stop });
  }
  await connector.start();
  started.push({ name: "connector", stop: connector.stop });

  const caFingerprint = (): string => certificateFingerprint(enroll.rootCertificates());
  const enrollUrl = config.enrollUrl ?? httpsUrl(config.publicHost, config.enrollPort);
  const edgeUrl = webSocketUrl(config.edgeUrl ?? httpsUrl(config.publicHost, config.edgePort));
  const git = createGitSource({
    cacheDir: join(dataDir, "cache", "git"),
    pathEnv: options.env["PATH"] ?? "",
    policy: { allowPrivateAddresses: config.gitAllowPrivate, allowFileUrls: config.gitAllowFile },
  });
  const frontend = createFrontend({
    store,
    bus,
    logger: logger.child({ service: "frontend" }),
    vault,
    secretVault,
    desiredState,
    deviceStreams: relay?.streams ?? connector.streams,
    git,
    host: config.consoleHost,
    port: config.consolePort,
    publicUrls: {
      enroll: enrollUrl,
      edge: edgeUrl,
      ...(config.consoleUrl === undefined ? {} : { console: config.consoleUrl }),
    },
    consoleDir: options.consoleDir,
    installDir: options.installDir,
    agentImage: config.agentImage,
    caFingerprint,
    tunnelPorts: config.tunnelPorts,
    mailer: createMailer({
      smtpUrl: config.smtpUrl,
      from: config.mailFrom,
      logger: logger.child({ service: "mail" }),
    }),
    trustProxy: config.trustProxy,
    busFault,
    signUp: config.signUp,
    onRequest: metrics.observeRequest,
  });
  await frontend.start();
  started.push({ name: "frontend", stop: frontend.stop });
  metrics.watchStore(store.ping);
  metrics.watchBus(() => busFault() === undefined);
  metrics.watchConnector(connector.numbers);
  metrics.watchEnroll(enroll.numbers);
  await startInternal({ config, logger, metrics, frontend, started });
  const consoleHost = config.consoleHost === "127.0.0.1" ? "localhost" : config.consoleHost;
  return {
    consoleUrl: `http://${consoleHost}:${frontend.address().port}`,
    enrollUrl,
    edgeUrl,
    caFingerprint: caFingerprint(),
    admin,
    kustomize: binary,
  };
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

/** What supervisors and Prometheus ask, where a port for it is set. */
async function startInternal(options: {
  config: StandaloneConfig;
  logger: Logger;
  metrics: Metrics;
  frontend: Frontend;
  started: Stoppable[];
}): Promise<void> {
  const { config, logger, metrics, frontend, started } = options;
  if (config.healthPort === undefined) return;
  const internal = createInternalServer({
    host: config.healthHost,
    port: config.healthPort,
    live: () => healthReport({ process: "ok" }),
    async ready() {
      const { faults } = await frontend.health();
      return healthReport({ platform: faults.join("; ") || "ok" });
    },
    pages: { "/metrics": metrics.page },
    logger,
  });
  await internal.start();
  started.push({ name: "internal server", stop: internal.stop });
}

async function openStore(options: {
  config: StandaloneConfig;
  dataDir: string;
  logger: Logger;
  started: Stoppable[];
}) {
  const { config, dataDir, logger, started } = options;
  let uri = config.mongodbUri;
  if (uri === undefined) {
    const log = logger.child({ service: "embedded-mongo" });
    const embedded = await startEmbeddedMongo({
      dataDir: join(dataDir, "store"),
      dbName: "rciots",
      logger: { debug: (message) => log.debug({}, message), error: (message) => log.error({}, message) },
    });
    started.push({ name: "embedded store", stop: embedded.stop });
    uri = embedded.uri;
  }
  const store = await createStore({ uri, eventRetentionMs: config.eventRetentionMs });
  started.push({ name: "store", stop: store.close });
  return store;
}

interface OpenBus {
  bus: Bus;
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
  started: Stoppable[];
}): Promise<OpenBus> {
  const { config, store, logger, started } = options;
  if (config.redisUrl === undefined) {
    return { bus: createMemoryBus(), connectorId: "standalone", busFault: () => undefined };
  }
  if (config.mongodbUri === undefined) {
    throw new Error("REDIS_URL joins several processes on one MongoDB: set MONGODB_URI too.");
  }
  const bus = createRedisBus({
    url: config.redisUrl,
    namespace: await store.platformValues.getOrCreate("bus.namespace", () => newId("bus")),
    logger: logger.child({ service: "bus" }),
  });
  await bus.start();
  started.push({ name: "bus", stop: bus.stop });
  const busFault = (): string | undefined => (bus.isUp() ? undefined : "Redis can't be reached");
  return { bus, connectorId: newId("con"), busFault };
}
