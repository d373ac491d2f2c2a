import type { DesiredStateService, OrganizationVault } from "@rciots/desired-state";
import type { GitSource } from "@rciots/manifests";
import type { DeviceStreams } from "@rciots/protocol";
import {
  answerProblems,
  answerUnknownRoute,
  assignRequestId,
  createHttpServer,
  logRequests,
  measureRequests,
  type Bus,
  type Logger,
  type RequestMeasure,
  type TryLimits,
  type Vault,
} from "@rciots/runtime";
import { connectionLogIntervalMs, createConnectionLog, type Store } from "@rciots/store";
import type { PortRange } from "@rciots/tunnels";
import express, { type Express, type Request } from "express";
import type { IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { AccountLimits } from "./accounts/request-limits.ts";
import { createAudit } from "./audit/audit.ts";
import { createAuthenticator } from "./auth/authenticate.ts";
import { createIdentify, type Identify } from "./auth/identify.ts";
import type { LoginLimits } from "./auth/login-guard.ts";
import { clusterPath, createClusterGateway, type ClusterGateway } from "./cluster-api/cluster-gateway.ts";
import { serveConsoleFiles, serveConsolePage } from "./console/console.ts";
import { createHealth, answerAlive, answerReady, type Health } from "./health.ts";
import { mountRoutes, prepareProblems } from "./http/dispatch.ts";
import { cutUnreadBodies } from "./http/json-body.ts";
import { describeApi } from "./http/openapi.ts";
import type { Route } from "./http/route.ts";
import { limitRequestTime } from "./http/request-time.ts";
import { createProxyGateway } from "./http-proxy/proxy-gateway.ts";
import { createProxySite } from "./http-proxy/proxy-site.ts";
import { setSecurityHeaders } from "./http/security-headers.ts";
import { createSocketGateway, type SocketSettings } from "./http/socket-gateway.ts";
import { createUpgrades } from "./http/upgrades.ts";
import { liveChangesSchema } from "./live/live-changes.ts";
import { createLiveGateway, livePath, type LiveSettings } from "./live/live-gateway.ts";
import type { Mailer } from "./mail/mailer.ts";
import { createInstallFiles, type InstallFiles } from "./install/install-files.ts";
import { installRouter } from "./install/install.router.ts";
import type { PublicUrls } from "./provisioning-tokens/install-commands.ts";
import { createServices } from "./services.ts";

export interface FrontendOptions {
  store: Store;
  bus: Bus;
  logger: Logger;
  /** Wraps the data keys of new organisations. */
  vault: Vault;
  /** Seals secrets and Git credentials. */
  secretVault: OrganizationVault;
  desiredState: DesiredStateService;
  /** To what live devices reach. */
  deviceStreams: DeviceStreams;
  git: GitSource;
  host: string;
  port: number;
  publicUrls: PublicUrls;
  /** Folder of the built console; absent: the API alone. */
  consoleDir?: string | undefined;
  /** Holds `agent/openshift` and `charts/rciots-agent`, from which clusters install the agent. */
  installDir: string;
  /** Of `/install`, from one address; default 300. */
  installRequestsPerMinute?: number;
  /** Whole reference of the agent's image; absent: the published one. */
  agentImage?: string | undefined;
  /** Where tunnels may listen on the platform; absent: nowhere. */
  tunnelPorts?: PortRange | undefined;
  /** Below which web tunnels have their names, such as `apps.example.com`; absent: there are none. */
  proxyDomain?: string | undefined;
  /** Address that they listen on, where this process knows it. */
  tunnelHost?: string | undefined;
  /** SHA-256 of the platform's root certificate, as agents are told it. */
  caFingerprint: () => string;
  /** Absent: the platform sends no mail, and shows links to whoever may hand them on. */
  mailer?: Mailer;
  /** Whether a proxy in front sets X-Forwarded-*; as `trust proxy` of express. Default false. */
  trustProxy?: boolean | number | string | undefined;
  /** What keeps this process from other ones, in words; default: nothing. */
  busFault?: () => string | undefined;
  /** Told of each request that was answered. */
  onRequest?: ((measure: RequestMeasure) => void) | undefined;
  /** How long a session lasts; default 12 hours. */
  sessionMs?: number;
  loginLimits?: LoginLimits;
  /** How often what needs no account may be asked for. */
  accountLimits?: AccountLimits;
  /** Where failures and requests are counted; default: by this process alone. */
  tryLimits?: TryLimits | undefined;
  /** Whether people may create their own accounts; default closed. */
  signUp?: "open" | "closed";
  /** How often Git templates are looked through for those that are due; default 5 s. */
  gitTickMs?: number;
  /** How often overlays are looked through; default 15 s. */
  overlayIntervalMs?: number;
  /** How often it is noted how many devices are online and healthy; default 5 minutes. */
  historySampleMs?: number;
  /** How often commands are looked at that have not finished; default 2 s. */
  commandIntervalMs?: number;
  live?: Partial<LiveSettings>;
  sockets?: Partial<SocketSettings>;
}

export interface Frontend {
  start(): Promise<void>;
  stop(): Promise<void>;
  address(): AddressInfo;
  health(): Promise<Health>;
  /** Loops that have not succeeded for long, in words: starting the process again may mend them. */
  staleLoops(): string[];
  /** Everything the API offers; what the OpenAPI document is made of. */
  routes: readonly Route[];
}

const apiVersion = "1";

function originsOf(publicUrls: PublicUrls): string[] {
  return publicUrls.console === undefined ? [] : [new URL(publicUrls.console).origin];
}

function createApp(
  options: FrontendOptions,
  routes: readonly Route[],
  parts: {
    health: () => Promise<Health>;
    identify: Identify;
    installFiles: InstallFiles;
    clusters: ClusterGateway;
  },
): Express {
  const { logger, publicUrls } = options;
  const { health, identify, installFiles, clusters } = parts;
  const publicOrigins = originsOf(publicUrls);
  const isHttps = publicUrls.console?.startsWith("https:") ?? false;
  const authenticate = createAuthenticator({ identify, publicOrigins });
  const serverUrl = publicUrls.console ?? "/";
  const openapi = JSON.stringify(
    describeApi(routes, { serverUrl, version: apiVersion, messages: [liveChangesSchema] }),
  );

  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  app.set("trust proxy", options.trustProxy ?? false);
  app.use(assignRequestId(), setSecurityHeaders({ isHttps }), cutUnreadBodies());
  app.get("/healthz", answerAlive);
  app.get("/readyz", answerReady(health));
  app.use(logRequests(logger), measureRequests(options.onRequest ?? (() => undefined)));
  const { consoleDir } = options;
  if (consoleDir !== undefined) app.use(serveConsoleFiles(consoleDir));
  app.get("/api/v1/openapi.json", (_request, response) => {
    response.setHeader("content-type", "application/json; charset=utf-8");
    response.end(openapi);
  });
  app.use("/install", installRouter(installFiles, { requestsPerMinute: options.installRequestsPerMinute }));
  app.use(clusterPath.replace("{id}", ":id"), clusters.handle);
  app.use("/api/v1", mountRoutes({ routes, authenticate, publicOrigins }));
  if (consoleDir !== undefined) app.use(serveConsolePage(consoleDir));
  app.use(answerUnknownRoute());
  app.use(prepareProblems(), answerProblems(logger));
  return app;
}

/** The operators' API. Nothing listens, and no loop runs, before `start`. */
export function createFrontend(options: FrontendOptions): Frontend {
  const { store, bus, logger, host, port } = options;
  const installFiles = createInstallFiles({
    folder: options.installDir,
    platformUrl: options.publicUrls.enroll,
    caFingerprint: options.caFingerprint,
    image: options.agentImage,
  });
  const identify = createIdentify({ store, logger });
  const { proxyDomain: domain } = options;
  const consoleUrl = options.publicUrls.console;
  const site =
    domain === undefined
      ? undefined
      : createProxySite({ domain, consoleUrl, port: () => server.address().port });
  const { chartVersion, agentVersion } = installFiles;
  const connections = createConnectionLog({ store, bus, logger });
  const services = createServices({ ...options, chartVersion, agentVersion, identify, site, connections });
  const { routes, settled } = services;
  const doors = {
    identify,
    bus,
    logger,
    publicOrigins: originsOf(options.publicUrls),
    requestOf: (message: IncomingMessage) => Object.setPrototypeOf(message, app.request) as Request,
  };
  const live = createLiveGateway({ ...doors, settings: options.live });
  const audit = createAudit({ store, bus });
  const sockets = createSocketGateway({ ...doors, routes, audit, settings: options.sockets });
  const clusters = createClusterGateway({
    ...doors,
    store,
    deviceStreams: options.deviceStreams,
    audit,
    recheckMs: options.sockets?.recheckMs,
  });
  const { deviceStreams } = options;
  const proxy =
    site &&
    createProxyGateway({
      ...doors,
      store,
      deviceStreams,
      site,
      audit,
      connections,
      recheckMs: options.sockets?.recheckMs,
    });
  const loops = [
    ...services.loops,
    { name: "live connections", loop: live.loop, intervalMs: live.recheckMs },
    ...sockets.loops,
    ...clusters.loops,
    ...(proxy?.loops ?? []),
    { name: "connections", loop: connections.loop, intervalMs: connectionLogIntervalMs },
  ];
  const { report: health, staleLoops } = createHealth({ store, loops, logger, busFault: options.busFault });
  const app = createApp(options, routes, { health, identify, installFiles, clusters });
  const server = createHttpServer({
    listener(message, response) {
      if (proxy?.takes(message) === true) return proxy.handle(message, response);
      limitRequestTime(message);
      app(message, response);
    },
    host,
    port,
    // What is sent through to a device may take its time.
    requestTimeoutMs: 0,
  });
  const upgrades = createUpgrades(server.server);
  if (proxy !== undefined) upgrades.intercept(proxy);
  upgrades.route(livePath, live.upgrade);
  sockets.mount(upgrades);
  upgrades.route(`${clusterPath}/*`, clusters.upgrade);
  return {
    routes,
    health,
    staleLoops,
    address: server.address,
    async start() {
      live.start();
      sockets.start();
      clusters.start();
      proxy?.start();
      await server.start();
      for (const { loop } of loops) loop.start();
    },
    async stop() {
      upgrades.refuseAll();
      await Promise.all([live.stop(), sockets.stop(), clusters.stop(), proxy?.stop()]);
      await server.stop();
      await settled();
      await Promise.all(loops.map(({ loop }) => loop.stop()));
      await connections.stop();
    },
  };
}
