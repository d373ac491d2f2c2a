import { randomInt } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createApiClient, logIn, type ApiClient } from "./api-client.ts";
import { startProcess, type TestProcess } from "./process.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const adminPassword = "correct horse battery staple";

/** Ports that were free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** Below the ports that the system gives to connections, any of which would take one of the range. */
const rangeFirst = 20_000;
const rangeEnd = 32_000;

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });

/** The first of so many ports in a row that nobody listens on. */
export async function freePortRange(count: number): Promise<number> {
  for (;;) {
    const first = randomInt(rangeFirst, rangeEnd - count);
    const free = await Promise.all(Array.from({ length: count }, (_, index) => isFree(first + index)));
    if (free.every(Boolean)) return first;
  }
}

export interface PlatformProcess {
  readonly dataDir: string;
  readonly consoleUrl: string;
  readonly enrollUrl: string;
  readonly edgePort: number;
  readonly caFingerprint: string;
  readonly pid: number;
  output(): string;
  api(): Promise<ApiClient>;
  /** A client with another token, or none. */
  apiWith(token?: string): ApiClient;
  /** Ends it at once, as a power cut does; in order with SIGTERM. */
  kill(signal?: "SIGTERM"): Promise<void>;
  /** Starts it again on the same data and ports. */
  restart(env?: Record<string, string>): Promise<void>;
  /** Ends it in order, and removes its data. */
  stop(): Promise<void>;
}

/** The built platform as `npm start` runs it, in a process and a data folder of its own. */
export async function startPlatformProcess(
  options: { env?: Record<string, string>; nodeArgs?: string[] } = {},
): Promise<PlatformProcess> {
  const dataDir = mkdtempSync(join(tmpdir(), "rciots-platform-"));
  const [consolePort = 0, enrollPort = 0, edgePort = 0] = await freePorts(3);
  let running: TestProcess;

  async function start(env: Record<string, string> = {}): Promise<void> {
    running = startProcess(
      process.execPath,
      [...(options.nodeArgs ?? []), join(root, "dist/standalone/main.js")],
      {
        RCIOTS_DATA_DIR: dataDir,
        RCIOTS_CONSOLE_PORT: String(consolePort),
        RCIOTS_ENROLL_PORT: String(enrollPort),
        RCIOTS_EDGE_PORT: String(edgePort),
        RCIOTS_ADMIN_PASSWORD: adminPassword,
        RCIOTS_DEVICE_HOST: "127.0.0.1",
        RCIOTS_PUBLIC_HOST: "127.0.0.1",
        ...options.env,
        ...env,
      },
    );
    await running.waitFor("RCIoTS is ready");
  }
  await start();
  const consoleUrl = `http://127.0.0.1:${consolePort}`;
  return {
    dataDir,
    consoleUrl,
    enrollUrl: `https://127.0.0.1:${enrollPort}`,
    edgePort,
    get caFingerprint() {
      return /CA fingerprint\s+(\S+)/.exec(running.output())?.[1] ?? "";
    },
    get pid() {
      return running.child.pid ?? 0;
    },
    output: () => running.output(),
    api: () => logIn(consoleUrl, "admin", adminPassword),
    apiWith: (token) => createApiClient(consoleUrl, token),
    async kill(signal) {
      await running.kill(signal ?? "SIGKILL");
    },
    restart: start,
    async stop() {
      await running.kill("SIGTERM");
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
