import { createEncoder, type Encoder } from "../bson/encode.ts";
import type { Document } from "../bson/values.ts";
import type { ServerInfo } from "../commands/command.ts";
import { createCatalog, type Catalog } from "../storage/catalog.ts";
import { openDatabase, type Database } from "../storage/database.ts";
import { createConflictRegistry } from "./conflicts.ts";
import { createCursors } from "./cursors.ts";
import { createFailPoints } from "./fail-points.ts";
import { createCommandRunner } from "./command-runner.ts";
import { createScheduler, type Scheduler } from "./scheduler.ts";
import { createSessions } from "./sessions.ts";
import { createTransactions } from "./transactions.ts";
import { sweepExpired } from "./ttl.ts";
import { createDirectWriter } from "./writer.ts";

export interface EngineRequest {
  readonly connectionId: number;
  readonly command: Document;
  readonly db: string;
  readonly respond: (reply: Document) => void;
  /** Ends the client's connection without an answer; only a fail point asks for it. */
  readonly disconnect: () => void;
}

export interface Engine {
  readonly catalog: Catalog;
  readonly database: Database;
  readonly encoder: Encoder;
  readonly submit: Scheduler["submit"];
  /** Deletes what TTL indexes call expired, and old records, cursors and transactions. */
  housekeep(now: number): { expiredDocuments: number };
  close(): void;
}

export interface EngineOptions {
  readonly dataDir: string;
  readonly serverInfo: ServerInfo;
  /** Allows `configureFailPoint`, for tests of clients. */
  readonly testCommands: boolean;
  readonly onError: (error: unknown) => void;
}

/** Opens the data folder and answers commands. All work is synchronous; it belongs in a thread of its own. */
export function createEngine(options: EngineOptions): Engine {
  const database = openDatabase(options.dataDir);
  const { writer: connection } = database;
  const encoder = createEncoder();
  const commit = { last: 1 };
  const currentCommit = () => commit.last + 1;
  const catalog = createCatalog({ connection, encoder, currentCommit });
  const conflicts = createConflictRegistry(currentCommit);
  const direct = createDirectWriter({ connection, encoder, catalog, conflicts });
  const sessions = createSessions(connection, encoder);
  const cursors = createCursors(encoder);
  const transactions = createTransactions({
    database,
    encoder,
    conflicts,
    direct,
    lastCommit: () => commit.last,
    onEnd: () => scheduler.wake(),
  });
  const runner = createCommandRunner({
    services: { catalog, encoder, cursors, serverInfo: options.serverInfo },
    connection,
    direct,
    sessions,
    transactions,
    failPoints: createFailPoints(options.testCommands),
  });
  const scheduler: Scheduler = createScheduler({
    connection,
    runner,
    onCommitted: () => {
      commit.last++;
      conflicts.committed();
    },
    onRolledBack: () => {
      catalog.reload();
      sessions.forgetUncommitted();
    },
    onError: options.onError,
  });
  return {
    catalog,
    database,
    encoder,
    submit: scheduler.submit,
    housekeep: (now) => {
      cursors.endIdle(now);
      transactions.endExpired(now);
      let expiredDocuments = 0;
      scheduler.commit(() => {
        sessions.endExpired(now);
        expiredDocuments = sweepExpired({ catalog, connection, writer: direct, now });
      });
      return { expiredDocuments };
    },
    close: () => {
      scheduler.stop();
      transactions.endAll();
      database.close();
    },
  };
}
