import { randomBytes, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Trust } from "@rciots/agent";
import type { Db } from "mongodb";
import { logIn, type ApiClient } from "./api-client.ts";
import { startEmbeddedDatabase, startServerDatabase, type TestDatabase } from "./database.ts";
import { eventually } from "./eventually.ts";
import { freePorts } from "./platform-process.ts";
import { startProcess, type TestProcess } from "./process.ts";
import { startRedis, type RedisServer } from "./redis-server.ts";
import { startBalancer, type TcpBalancer } from "./tcp-balancer.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const adminPassword = "correct horse battery staple";

export type ServiceKind = "enroll" | "connector" | "frontend";

/** One service in a process of its own, built as it is shipped. */
export interface ServiceProcess {
  readonly kind: ServiceKind;
  readonly name: string;
  /** Of the console, the enrolment endpoint or the device channel. */
  readonly port: number;
  readonly pid: number;
  output(): string;
  /** Status and body of /readyz or /healthz; undefined where nothing answers. */
  ask(path: "/readyz" | "/healthz"): Promise<{ status: number; checks: Record<string, string> } | undefined>;
  /** What its internal port has at this path; undefined where nothing answers. */
  page(path: string): Promise<string | undefined>;
  /** Resolves once it is ready for work. */
  ready(timeoutMs?: number): Promise<void>;
  /** Ends it; resolves once it is gone. */
  end(signal: "SIGKILL" | "SIGTERM"): Promise<void>;
  /** Starts it again on the same ports; doesn't wait. */
  begin(): void;
}

const portSettings: Record<ServiceKind, string> = {
  enroll: "RCIOTS_ENROLL_PORT",
  connector: "RCIOTS_EDGE_PORT",
  frontend: "RCIOTS_CONSOLE_PORT",
};

async function prepareService(
  kind: ServiceKind,
  name: string,
  env: () => Record<string, string>,
): Promise<ServiceProcess> {
  const [port = 0, healthPort = 0] = await freePorts(2);
  let running: TestProcess | undefined;
  const service: ServiceProcess = {
    kind,
    name,
    port,
    get pid() {
      return running?.child.pid ?? 0;
    },
    output: () => running?.output() ?? "",
    async ask(path) {
      try {
        const answer = await fetch(`http://127.0.0.1:${healthPort}${path}`, {
          signal: AbortSignal.timeout(5_000),
        });
        const { checks } = (await answer.json()) as { checks: Record<string, string> };
        return { status: answer.status, checks };
      } catch {
        return undefined;
      }
    },
    async page(path) {
      try {
        const signal = AbortSignal.timeout(5_000);
        return await (await fetch(`http://127.0.0.1:${healthPort}${path}`, { signal })).text();
      } catch {
        return undefined;
      }
    },
    ready: (timeoutMs = 60_000) =>
      eventually(
        async () => {
          const answer = await service.ask("/readyz");
          if (answer?.status !== 200)
            throw new Error(`${name} is not ready: ${JSON.stringify(answer)}\n${service.output()}`);
        },
        { timeoutMs, intervalMs: 100 },
      ),
    async end(signal) {
      await running?.kill(signal);
    },
    begin() {
      running = startProcess(process.execPath, [join(root, `dist/${kind}/main.js`)], {
        ...env(),
        [portSettings[kind]]: String(port),
        RCIOTS_HEALTH_HOST: "127.0.0.1",
        RCIOTS_HEALTH_PORT: String(healthPort),
      });
    },
  };
  return service;
}

/** Several processes of each kind on one database and one Redis, behind balancers. Nothing runs before `begin`. */
export interface Installation {
  readonly db: Db;
  readonly redis: RedisServer;
  readonly services: ServiceProcess[];
  of(kind: ServiceKind): ServiceProcess[];
  /** Where devices enrol: the balancer of the enrolment endpoints. */
  readonly enrollUrl: string;
  trust(): Promise<Trust>;
  caFingerprint(): Promise<string>;
  /** Logs in at one of the frontends. */
  api(frontend?: ServiceProcess): Promise<ApiClient>;
  /** Starts all, and waits until they are ready. */
  begin(): Promise<void>;
  stop(): Promise<void>;
}

export async function prepareInstallation(options: {
  counts: Record<ServiceKind, number>;
  env?: Record<string, string>;
  /** More for one of them, by its name, such as `connector-1`. */
  envOf?: (name: string) => Record<string, string>;
}): Promise<Installation> {
  const serverUri = process.env["TEST_MONGODB_URI"];
  const folder = mkdtempSync(join(tmpdir(), "rciots-installation-"));
  const database: TestDatabase = await (serverUri === undefined || serverUri === ""
    ? startEmbeddedDatabase()
    : startServerDatabase(serverUri));
  const redis = await startRedis();
  const env: Record<string, string> = {
    MONGODB_URI: database.uri,
    REDIS_URL: redis.url,
    RCIOTS_MASTER_KEY: randomBytes(32).toString("base64"),
    RCIOTS_CA_KEY: randomBytes(32).toString("base64"),
    RCIOTS_ADMIN_PASSWORD: adminPassword,
    RCIOTS_DEVICE_HOST: "127.0.0.1",
    RCIOTS_PUBLIC_HOST: "127.0.0.1",
    RCIOTS_RELAY_HOST: "127.0.0.1",
    POD_IP: "127.0.0.1",
    RCIOTS_LOG_LEVEL: "warn",
    ...options.env,
  };
  const services: ServiceProcess[] = [];
  const urls: Record<string, string> = {};
  for (const kind of ["enroll", "connector", "frontend"] as const)
    for (let index = 1; index <= options.counts[kind]; index += 1)
      services.push(
        await prepareService(kind, `${kind}-${index}`, () => ({
          ...env,
          ...urls,
          ...options.envOf?.(`${kind}-${index}`),
          RCIOTS_DATA_DIR: join(folder, `${kind}-${index}`),
        })),
      );
  const of = (kind: ServiceKind): ServiceProcess[] => services.filter((service) => service.kind === kind);
  const balancerOf = (kind: ServiceKind): Promise<TcpBalancer> =>
    startBalancer(of(kind).map(({ port }) => port));
  const [enrols, edges] = await Promise.all([balancerOf("enroll"), balancerOf("connector")]);
  const enrollUrl = `https://127.0.0.1:${enrols.port}`;
  urls["RCIOTS_ENROLL_URL"] = enrollUrl;
  urls["RCIOTS_EDGE_URL"] = `https://127.0.0.1:${edges.port}`;

  async function rootPem(): Promise<string> {
    const authority = await database.db.collection("authorities").findOne({ kind: "root" });
    return String(authority?.["certificatePem"] ?? "");
  }

  return {
    db: database.db,
    redis,
    services,
    of,
    enrollUrl,
    trust: async () => ({ kind: "ca", pem: await rootPem() }),
    async caFingerprint() {
      return new X509Certificate(await rootPem()).fingerprint256;
    },
    api: (frontend = of("frontend")[0]) =>
      logIn(`http://127.0.0.1:${frontend?.port}`, "admin", adminPassword),
    async begin() {
      for (const service of services) service.begin();
      await Promise.all(services.map((service) => service.ready(180_000)));
    },
    async stop() {
      await Promise.all(services.map((service) => service.end("SIGTERM")));
      await Promise.all([enrols.stop(), edges.stop()]);
      await redis.stop();
      await database.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
