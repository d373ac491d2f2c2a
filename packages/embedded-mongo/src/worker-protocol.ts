/** What the worker is started with. */
export interface WorkerSettings {
  readonly dataDir: string;
  readonly socketPath: string;
  readonly ttlIntervalMs: number;
  readonly testCommands: boolean;
}

type Request =
  | { kind: "backup"; file: string }
  | { kind: "export"; folder: string }
  | { kind: "sweep" }
  | { kind: "stop" };

export type ToWorker = Request & { readonly id: number };
export type WorkerRequest = Request;

export type FromWorker =
  | { readonly kind: "ready" }
  | { readonly kind: "start-failed"; readonly code: string; readonly message: string }
  | { readonly kind: "done"; readonly id: number }
  | { readonly kind: "failed"; readonly id: number; readonly message: string }
  | { readonly kind: "log"; readonly level: "debug" | "error"; readonly message: string };
