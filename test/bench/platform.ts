import { mkdtempSync, rmSync } from "node:fs";
import { get } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MongoClient } from "mongodb";
import type { Trust } from "@rciots/agent";
import { certificateByFingerprint, parseFingerprint } from "../../agent/src/channel/trust.ts";
import { logIn, type ApiClient } from "../harness/api-client.ts";
import { freePorts } from "../harness/platform-process.ts";
import { startWorker, type WorkerHandle } from "./child-worker.ts";
import { createCountedKustomize, type CountedKustomize } from "./counted-kustomize.ts";
import type { NodeUsage } from "./measured-node.ts";
import type { PlatformCalls } from "./platform-worker.ts";
import type { StoreCalls } from "./store-worker.ts";

const adminPassword = "correct horse battery staple";

export interface MeasuredPlatform {
  readonly dataDir: string;
  readonly consoleUrl: string;
  readonly enrollUrl: string;
  readonly edgePort: number;
  readonly enrollPort: number;
  readonly caFingerprint: string;
  readonly trust: Trust & { kind: "ca" };
  readonly kustomize: CountedKustomize;
  pid(): number;
  api(): Promise<ApiClient>;
  usage(): Promise<NodeUsage>;
  usageAfterCollection(): Promise<NodeUsage>;
  resetLoopDelay(): Promise<void>;
  /** Counts documents in the platform's store, over a connection of its own. */
  count(collection: string, filter: object): Promise<number>;
  /** Puts documents into the platform's store, as if they had been there when it started. */
  insert(collection: string, documents: readonly { _id: string }[]): Promise<void>;
  /** Ends it at once, as a power cut does. */
  kill(): Promise<void>;
  /** Ends it in order; the data stays. */
  halt(): Promise<void>;
  /** Starts it again on the same data and ports; with `separateStore` the store runs in a process of its own. */
  restart(options?: { separateStore?: boolean }): Promise<void>;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
}

/** The root that the platform shows, taken only if it has the fingerprint. */
export async function rootOf(enrollUrl: string, fingerprint: string): Promise<string> {
  const body = await new Promise<string>((resolve, reject) => {
    get(`${enrollUrl}/v1/ca`, { rejectUnauthorized: false, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (text += chunk));
      response.on("end", () => resolve(text));
    }).on("error", reject);
  });
  const { caCertificates } = JSON.parse(body) as { caCertificates: string };
  return certificateByFingerprint(caCertificates, parseFingerprint(fingerprint));
}

/** The platform in a measured process of its own, on loopback, with a data folder in the system's temporary one. */
export async function startPlatform(
  options: {
    settings?: Record<string, string>;
    /** Of its server certificates, where they are not the platform's own. */
    rootPem?: string;
  } = {},
): Promise<MeasuredPlatform> {
  const dataDir = mkdtempSync(join(tmpdir(), "rciots-bench-"));
  const removeData = (): void => rmSync(dataDir, { recursive: true, force: true, maxRetries: 3 });
  process.once("exit", removeData);
  const kustomize = await createCountedKustomize(dataDir);
  const [consolePort = 0, enrollPort = 0, edgePort = 0] = await freePorts(3);
  const settings = {
    RCIOTS_DATA_DIR: dataDir,
    RCIOTS_CONSOLE_PORT: String(consolePort),
    RCIOTS_ENROLL_PORT: String(enrollPort),
    RCIOTS_EDGE_PORT: String(edgePort),
    RCIOTS_DEVICE_HOST: "127.0.0.1",
    RCIOTS_PUBLIC_HOST: "127.0.0.1",
    RCIOTS_ADMIN_PASSWORD: adminPassword,
    ...(kustomize.path === undefined ? {} : { RCIOTS_KUSTOMIZE: kustomize.path }),
    ...options.settings,
  };
  const storeDir = join(dataDir, "store");
  let worker: WorkerHandle<PlatformCalls>;
  let store: WorkerHandle<StoreCalls> | undefined;
  let storeUri = `mongodb://${encodeURIComponent(join(storeDir, "mongo.sock"))}/rciots?directConnection=true`;

  async function start({ separateStore = false } = {}) {
    const more: Record<string, string> = {};
    if (separateStore) {
      store = startWorker<StoreCalls>("store-worker");
      storeUri = await store.call("start", { dataDir: storeDir });
      more["MONGODB_URI"] = storeUri;
    }
    worker = startWorker<PlatformCalls>("platform-worker", { nodeArgs: ["--expose-gc"] });
    return worker.call("start", { settings: { ...settings, ...more } });
  }
  async function halt(): Promise<void> {
    await worker.call("stop", undefined as never).catch(() => undefined);
    await worker.exited;
    await store?.call("stop", undefined).catch(() => undefined);
    await store?.exited;
    store = undefined;
  }
  const { enrollUrl, consoleUrl, caFingerprint } = await start();
  return {
    dataDir,
    consoleUrl,
    enrollUrl,
    edgePort,
    enrollPort,
    kustomize,
    caFingerprint,
    trust: { kind: "ca", pem: options.rootPem ?? (await rootOf(enrollUrl, caFingerprint)) },
    pid: () => worker.pid,
    api: () => logIn(consoleUrl, "admin", adminPassword),
    usage: () => worker.call("usage", undefined),
    usageAfterCollection: () => worker.call("usageAfterCollection", undefined),
    resetLoopDelay: () => worker.call("resetLoopDelay", undefined),
    async count(collection, filter) {
      const client = await new MongoClient(storeUri).connect();
      try {
        return await client.db().collection(collection).countDocuments(filter);
      } finally {
        await client.close();
      }
    },
    async insert(collection, documents) {
      const client = await new MongoClient(storeUri).connect();
      try {
        const target = client.db().collection<{ _id: string }>(collection);
        for (let at = 0; at < documents.length; at += 1_000) {
          await target.insertMany(documents.slice(at, at + 1_000));
        }
      } finally {
        await client.close();
      }
    },
    async kill() {
      await worker.kill();
      await store?.kill();
      store = undefined;
    },
    halt,
    async restart(how) {
      await start(how);
    },
    async stop() {
      await halt();
      removeData();
      process.off("exit", removeData);
    },
  };
}
