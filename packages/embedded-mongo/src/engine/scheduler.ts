import type { Document, Value } from "../bson/values.ts";
import { CommandError } from "../errors.ts";
import type { Connection } from "../storage/database.ts";
import type { CommandRunner, Pending } from "./command-runner.ts";
import type { EngineRequest } from "./engine.ts";
import { WaitForTransaction } from "./writer.ts";

/** Milliseconds of work after which a round commits, so that early writers do not wait for late ones. */
const ROUND_MS = 25;

export interface Scheduler {
  submit(request: EngineRequest): void;
  /** Runs statements that waited for a transaction again. */
  wake(): void;
  /** Runs work of the store itself in a commit of its own. */
  commit(work: () => void): void;
  stop(): void;
}

/**
 * Rounds: what has arrived is run together. Reads come first and are answered at once; then all writes in one
 * SQLite transaction, and their answers go out after its fsync. Many writers at the same time share one fsync,
 * and no write is acknowledged before it is on the disk. Requests of one connection keep their order.
 */
export function createScheduler(options: {
  connection: Connection;
  runner: CommandRunner;
  onCommitted: () => void;
  onRolledBack: () => void;
  onError: (error: unknown) => void;
}): Scheduler {
  const { connection, runner, onCommitted, onRolledBack, onError } = options;
  let queue: Pending[] = [];
  let waiting: Pending[] = [];
  let scheduled = false;
  let stopped = false;

  const schedule = (): void => {
    if (scheduled || stopped) return;
    scheduled = true;
    setImmediate(round);
  };

  const answer = (pending: Pending, reply: Document): void => {
    if (pending.failure?.closeConnection) pending.request.disconnect();
    else pending.request.respond(reply);
  };

  const refuse = (request: EngineRequest, error: unknown): void => {
    if (!(error instanceof CommandError)) onError(error);
    request.respond(errorReply(error));
  };

  const round = (): void => {
    scheduled = false;
    const writers = new Set<number>();
    const later: Pending[] = [];
    const pendings = queue;
    queue = [];
    for (const pending of pendings) {
      const { connectionId } = pending.request;
      if (pending.kind === "read" && !writers.has(connectionId)) runRead(pending);
      else {
        writers.add(connectionId);
        later.push(pending);
      }
    }
    if (later.length > 0) runWrites(later);
    if (queue.length > 0) schedule();
  };

  const runRead = (pending: Pending): void => {
    try {
      answer(pending, runner.run(pending));
    } catch (error) {
      refuse(pending.request, error);
    }
  };

  const runWrites = (pendings: readonly Pending[]): void => {
    const answers: (() => void)[] = [];
    const until = performance.now() + ROUND_MS;
    let done = 0;
    try {
      commit(() => {
        while (done < pendings.length && (done === 0 || performance.now() < until)) {
          const settled = runWrite(pendings[done++] as Pending);
          if (settled) answers.push(settled);
        }
      });
    } catch (error) {
      onError(error);
      for (const pending of pendings.slice(0, done)) {
        waiting = waiting.filter((other) => other !== pending);
        pending.request.respond(errorReply(error));
      }
      answers.length = 0;
    }
    for (const send of answers) send();
    queue = [...pendings.slice(done), ...queue];
  };

  /** Undone as a whole when it throws; what is thrown is its answer and no matter of the others in the round. */
  const runWrite = (pending: Pending): (() => void) | undefined => {
    const before = connection.writes();
    connection.exec("SAVEPOINT command");
    try {
      const reply = runner.run(pending);
      connection.exec("RELEASE command");
      return () => answer(pending, reply);
    } catch (error) {
      if (error instanceof WaitForTransaction) {
        connection.exec("RELEASE command");
        waiting.push(pending);
        return undefined;
      }
      connection.exec("ROLLBACK TO command; RELEASE command");
      if (connection.writes() !== before) onRolledBack();
      return () => refuse(pending.request, error);
    }
  };

  const commit = (work: () => void): void => {
    connection.exec("BEGIN IMMEDIATE");
    try {
      work();
      connection.exec("COMMIT");
      onCommitted();
    } catch (error) {
      try {
        connection.exec("ROLLBACK");
      } catch (rollbackError) {
        // SQLite has rolled back by itself after some errors, such as a full disk.
        onError(rollbackError);
      }
      onRolledBack();
      throw error;
    }
  };

  return {
    submit: (request) => {
      if (stopped) return;
      try {
        queue.push(runner.prepare(request));
        schedule();
      } catch (error) {
        refuse(request, error);
      }
    },
    wake: () => {
      queue.push(...waiting);
      waiting = [];
      if (queue.length > 0) schedule();
    },
    commit,
    stop: () => {
      stopped = true;
      queue = [];
      waiting = [];
    },
  };
}

function errorReply(error: unknown): Document {
  const known = error instanceof CommandError ? error : internalError(error);
  return new Map<string, Value>([
    ["ok", 0],
    ["errmsg", known.message],
    ["code", known.code],
    ["codeName", known.codeName],
    ...(known.fields as ReadonlyMap<string, Value>),
    ...(known.labels.length > 0 ? ([["errorLabels", [...known.labels]]] as [string, Value][]) : []),
  ]);
}

function internalError(error: unknown): CommandError {
  return new CommandError(
    "InternalError",
    `the embedded store failed: ${error instanceof Error ? error.message : String(error)}`,
  );
}
