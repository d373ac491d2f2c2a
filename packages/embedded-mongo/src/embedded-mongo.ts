import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { extname, join, resolve } from "node:path";
import { Worker } from "node:worker_threads";
import { EmbeddedMongoError } from "./errors.ts";
import type { FromWorker, WorkerRequest, WorkerSettings } from "./worker-protocol.ts";

export interface EmbeddedMongoLogger {
  debug(message: string): void;
  error(message: string): void;
}

export interface EmbeddedMongoOptions {
  /** Folder of the data; made (0700) when it is not there. One process may use it at a time. */
  readonly dataDir: string;
  /** Folder of the unix socket, made 0700; the default is the data folder, or a short temporary one. */
  readonly socketDir?: string;
  /** Database the connection string names; default `app`. */
  readonly dbName?: string;
  readonly logger?: EmbeddedMongoLogger;
  /** Milliseconds between deletions by TTL indexes; default a minute. */
  readonly ttlIntervalMs?: number;
  /** Where the worker's file is, when it is not beside this one under the name `worker`. */
  readonly workerUrl?: URL;
  /** Allows `configureFailPoint`, for tests of clients; default false. */
  readonly testCommands?: boolean;
}

export interface EmbeddedMongo {
  /** For the MongoDB driver and mongoose. */
  readonly uri: string;
  readonly socketPath: string;
  /** The same with another database's name. */
  uriFor(dbName: string): string;
  /** Writes a copy of the committed state to a new file while clients go on. */
  backup(file: string): Promise<void>;
  /** Writes all databases to a new folder in the layout of mongodump, for mongorestore. */
  exportTo(folder: string): Promise<void>;
  /** Deletes expired documents now instead of within a minute. */
  sweep(): Promise<void>;
  /** Ends connections, commits what was begun and closes the files. */
  stop(): Promise<void>;
  /** Settles when the worker has ended, with an error unless `stop` asked for it. */
  readonly ended: Promise<void>;
}

/** Unix socket paths may have some hundred bytes; less on some systems. */
const MAX_SOCKET_PATH = 100;
const SOCKET_NAME = "mongo.sock";

/**
 * Starts the store in a worker thread and waits until it accepts connections.
 * Throws EmbeddedMongoError: DATA_FOLDER_IN_USE, DATA_TOO_NEW, WORKER_FAILED.
 */
export async function startEmbeddedMongo(options: EmbeddedMongoOptions): Promise<EmbeddedMongo> {
  const { dataDir, logger, dbName = "app", ttlIntervalMs = 60_000, testCommands = false } = options;
  const socket = chooseSocket(options);
  const settings: WorkerSettings = {
    dataDir: resolve(dataDir),
    socketPath: socket.path,
    ttlIntervalMs,
    testCommands,
  };
  const channel = openChannel(startWorker(options.workerUrl, settings), logger);
  try {
    await channel.ready;
  } catch (error) {
    socket.remove();
    throw error;
  }
  const uriFor = (name: string): string =>
    `mongodb://${encodeURIComponent(socket.path)}/${encodeURIComponent(name)}?directConnection=true`;
  const stop = async (): Promise<void> => {
    await channel.stop();
    socket.remove();
  };
  return {
    uri: uriFor(dbName),
    socketPath: socket.path,
    uriFor,
    backup: (file) => channel.ask({ kind: "backup", file: resolve(file) }),
    exportTo: (folder) => channel.ask({ kind: "export", folder: resolve(folder) }),
    sweep: () => channel.ask({ kind: "sweep" }),
    stop,
    ended: channel.ended,
  };
}

function chooseSocket(options: EmbeddedMongoOptions): { path: string; remove: () => void } {
  const folder = resolve(options.socketDir ?? options.dataDir);
  const path = join(folder, SOCKET_NAME);
  if (Buffer.byteLength(path) < MAX_SOCKET_PATH) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    chmodSync(folder, 0o700);
    // The listener takes its socket away itself. A start that fails must not: the socket may be another process's.
    return { path, remove: () => undefined };
  }
  const short = mkdtempSync(join(tmpdir(), "emdb-"));
  chmodSync(short, 0o700);
  return { path: join(short, SOCKET_NAME), remove: () => rmSync(short, { recursive: true, force: true }) };
}

/** Beside this file: `worker.ts` in development, `worker.js` in a bundle. */
function startWorker(given: URL | undefined, settings: WorkerSettings): Worker {
  const url = given ?? new URL(`./worker${extname(import.meta.url)}`, import.meta.url);
  if (!url.pathname.endsWith(".ts")) return new Worker(url, { workerData: settings });
  // On Node 20 a worker does not take over the loader of its parent, nor one of its own by --import.
  const bootstrap = `import("tsx/esm/api").then(({ register }) => { register(); return import(${JSON.stringify(url.href)}); })`;
  return new Worker(bootstrap, { eval: true, workerData: settings });
}

interface Channel {
  readonly ready: Promise<void>;
  readonly ended: Promise<void>;
  ask(request: WorkerRequest): Promise<void>;
  stop(): Promise<void>;
}

interface Waiting {
  resolve: () => void;
  reject: (error: Error) => void;
}

function openChannel(worker: Worker, logger: EmbeddedMongoLogger | undefined): Channel {
  const waiting = new Map<number, Waiting>();
  let lastId = 0;
  let asked: Promise<void> | undefined;
  const ended = new Promise<void>((resolve, reject) => {
    worker.once("error", (cause) =>
      reject(new EmbeddedMongoError("WORKER_FAILED", "the embedded store has failed", { cause })),
    );
    worker.once("exit", (code) => {
      if (code === 0 && asked) resolve();
      else reject(new EmbeddedMongoError("WORKER_FAILED", `the embedded store has ended with code ${code}`));
    });
  });
  // Whoever waits for an answer is told; nobody has to listen to `ended` itself.
  ended.catch((error: Error) => {
    for (const one of waiting.values()) one.reject(error);
    waiting.clear();
  });
  const settle = (id: number, finish: (one: Waiting) => void): void => {
    const one = waiting.get(id);
    waiting.delete(id);
    if (one) finish(one);
  };
  const ready = new Promise<void>((resolve, reject) => {
    worker.on("message", (message: FromWorker) => {
      if (message.kind === "ready") resolve();
      else if (message.kind === "start-failed") reject(new EmbeddedMongoError(message.code, message.message));
      else if (message.kind === "log") logger?.[message.level](message.message);
      else if (message.kind === "done") settle(message.id, (one) => one.resolve());
      else
        settle(message.id, (one) =>
          one.reject(new EmbeddedMongoError("STORE_REQUEST_FAILED", message.message)),
        );
    });
    ended.catch(reject);
  });
  const ask = (request: WorkerRequest): Promise<void> =>
    new Promise((resolve, reject) => {
      const id = ++lastId;
      waiting.set(id, { resolve, reject });
      // A worker that has ended already answers nothing any more.
      void ended.catch(reject);
      worker.postMessage({ ...request, id });
    });
  const stop = (): Promise<void> => {
    asked ??= ask({ kind: "stop" }).then(() => ended);
    return asked;
  };
  return { ready, ended, ask, stop };
}
