import { setTimeout as sleep } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import { backupTo } from "./storage/backup.ts";
import { createEngine, type Engine } from "./engine/engine.ts";
import { exportDump } from "./storage/export.ts";
import { listen } from "./server/server.ts";
import type { FromWorker, ToWorker, WorkerSettings } from "./worker-protocol.ts";

/** Everything that touches the disk runs in this thread: the socket, the engine and its housekeeping. */
async function main(settings: WorkerSettings): Promise<void> {
  const port = parentPort;
  if (!port) throw new Error("the store's worker was started outside a worker thread");
  const send = (message: FromWorker): void => port.postMessage(message);
  const onError = (error: unknown): void => send({ kind: "log", level: "error", message: describe(error) });
  const engine = createEngine({
    dataDir: settings.dataDir,
    serverInfo: { address: settings.socketPath, startedAt: Date.now() },
    testCommands: settings.testCommands,
    onError,
  });
  const server = await listen({ socketPath: settings.socketPath, engine, encoder: engine.encoder, onError });
  const stopping = new AbortController();
  const housekeeping = housekeep(engine, settings, stopping.signal, send, onError);

  const carryOut = async (message: ToWorker): Promise<void> => {
    switch (message.kind) {
      case "backup":
        return backupTo(engine.database, message.file);
      case "export":
        return exportDump(engine, message.folder);
      case "sweep":
        engine.housekeep(Date.now());
        return;
      case "stop":
        stopping.abort();
        await housekeeping;
        await server.stop();
        engine.close();
    }
  };

  port.on("message", (message: ToWorker) => {
    carryOut(message).then(
      () => {
        send({ kind: "done", id: message.id });
        if (message.kind === "stop") port.close();
      },
      (error: unknown) => send({ kind: "failed", id: message.id, message: describe(error) }),
    );
  });
  send({ kind: "ready" });
}

async function housekeep(
  engine: Engine,
  settings: WorkerSettings,
  signal: AbortSignal,
  send: (message: FromWorker) => void,
  onError: (error: unknown) => void,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await sleep(settings.ttlIntervalMs, undefined, { signal });
    } catch {
      return;
    }
    try {
      const { expiredDocuments } = engine.housekeep(Date.now());
      if (expiredDocuments > 0) {
        send({ kind: "log", level: "debug", message: `deleted ${expiredDocuments} expired documents` });
      }
    } catch (error) {
      onError(error);
    }
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

main(workerData as WorkerSettings).catch((error: unknown) => {
  const code = error instanceof Error && "code" in error ? String(error.code) : "WORKER_FAILED";
  parentPort?.postMessage({
    kind: "start-failed",
    code,
    message: error instanceof Error ? error.message : String(error),
  } satisfies FromWorker);
  parentPort?.close();
});
