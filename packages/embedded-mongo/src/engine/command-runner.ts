import { isDocument, isNumeric, numberOf, type Document, type Value } from "../bson/values.ts";
import {
  checkFields,
  defineCommand,
  type CommandContext,
  type CommandDefinition,
  type CommandKind,
  type Services,
} from "../commands/command.ts";
import { findCommand } from "../commands/registry.ts";
import { CommandError } from "../errors.ts";
import type { Connection } from "../storage/database.ts";
import type { View } from "../storage/scan.ts";
import type { EngineRequest } from "./engine.ts";
import type { FailPoints, Failure } from "./fail-points.ts";
import { sessionOf, type SessionInfo, type Sessions } from "./sessions.ts";
import type { Transaction, Transactions } from "./transactions.ts";
import type { DirectWriter } from "./writer.ts";

/** A command that was understood and waits to run, or to run on. */
export interface Pending {
  readonly request: EngineRequest;
  readonly name: string;
  readonly definition: CommandDefinition;
  readonly kind: CommandKind;
  readonly session: SessionInfo | undefined;
  readonly failure: Failure | undefined;
  readonly deadline: number;
  readonly progress: Map<string, unknown>;
}

export interface CommandRunner {
  /** Reads what a request asks for. Throws CommandError. */
  prepare(request: EngineRequest): Pending;
  /** Runs it and gives the answer. Throws CommandError, or WaitForTransaction to be called again later. */
  run(pending: Pending): Document;
}

export function createCommandRunner(options: {
  services: Services;
  connection: Connection;
  direct: DirectWriter;
  sessions: Sessions;
  transactions: Transactions;
  failPoints: FailPoints;
}): CommandRunner {
  const { services, connection, direct, sessions, transactions, failPoints } = options;
  const committedView: View = { connection, snapshot: Infinity, overlay: () => undefined };

  const contextOf = (pending: Pending, transaction: Transaction | undefined): CommandContext => ({
    catalog: services.catalog,
    encoder: services.encoder,
    cursors: services.cursors,
    serverInfo: services.serverInfo,
    name: pending.name,
    db: pending.request.db,
    command: pending.request.command,
    connectionId: pending.request.connectionId,
    view: transaction?.view ?? committedView,
    writer: transaction?.writer ?? direct,
    transaction,
    deadline: pending.deadline,
    progress: pending.progress,
    activeSessions: sessions.active,
  });

  const endTransaction = (transaction: Transaction): void => {
    services.cursors.endOf(transaction);
    transactions.end(transaction);
  };

  const findOpen = (session: SessionInfo): Transaction => {
    const open = transactions.find(session.id);
    if (open && open.number === session.txnNumber) return open;
    throw new CommandError(
      "NoSuchTransaction",
      `Given transaction number ${session.txnNumber} does not match any in-progress transactions`,
      { labels: ["TransientTransactionError"] },
    );
  };

  const begin = (session: SessionInfo): Transaction => {
    const open = transactions.find(session.id);
    const number = session.txnNumber as number;
    if (open && open.number >= number) {
      throw new CommandError(
        "TransactionTooOld",
        `Cannot start transaction ${number}: transaction ${open.number} is in progress`,
      );
    }
    if (sessions.recorded(session, "startTransaction") !== undefined)
      throw new CommandError("TransactionTooOld", `transaction ${number} has already ended`);
    if (open) endTransaction(open);
    return transactions.begin(session.id, number);
  };

  const runInTransaction = (pending: Pending, session: SessionInfo): Document => {
    const { definition, name } = pending;
    if (name === "commitTransaction") return commitTransaction(session);
    if (name === "abortTransaction") {
      endTransaction(findOpen(session));
      return new Map([["ok", 1]]);
    }
    const transaction = session.starts ? begin(session) : findOpen(session);
    try {
      if (!definition.inTransaction) {
        throw new CommandError(
          "OperationNotSupportedInTransaction",
          `Cannot run '${name}' in a multi-document transaction.`,
        );
      }
      return definition.run(contextOf(pending, transaction));
    } catch (error) {
      endTransaction(transaction);
      throw error;
    }
  };

  const commitTransaction = (session: SessionInfo): Document => {
    const done = sessions.recorded(session, "commitTransaction");
    if (done) return done;
    const transaction = findOpen(session);
    const reply: Document = new Map([["ok", 1]]);
    try {
      transactions.apply(transaction);
      sessions.record(session, "commitTransaction", reply);
    } finally {
      endTransaction(transaction);
    }
    return reply;
  };

  const runRetryable = (pending: Pending, session: SessionInfo): Document => {
    const { command } = pending.request;
    const earlier = sessions.recorded(session, pending.name);
    if (earlier) return asRetried(earlier, command);
    const open = transactions.find(session.id);
    if (open && open.number < (session.txnNumber as number)) endTransaction(open);
    const reply = pending.definition.run(contextOf(pending, undefined));
    sessions.record(session, pending.name, reply);
    return reply;
  };

  return {
    prepare: (request) => {
      const { command } = request;
      const name = String(command.keys().next().value ?? "");
      const { definition } =
        name in transactionCommands
          ? { definition: transactionCommands[name as "commitTransaction"] }
          : findOrConfigure(name, failPoints);
      checkFields({ name, command }, definition);
      const deadline = deadlineOf(command);
      checkReadConcern(command);
      const failure = name === "configureFailPoint" ? undefined : failPoints.failureOf(name);
      const session = sessionOf(command);
      if (session) sessions.seen(session.id);
      const kind = typeof definition.kind === "function" ? definition.kind(command) : definition.kind;
      return { request, name, definition, kind, session, failure, deadline, progress: new Map() };
    },
    run: (pending) => {
      const { session, definition, failure } = pending;
      if (failure?.error) throw failure.error;
      let reply: Document;
      if (session?.inTransaction) reply = runInTransaction(pending, session);
      else if (pending.name in transactionCommands) {
        throw new CommandError(
          "InvalidOptions",
          `${pending.name} needs a transaction: autocommit false and a transaction number`,
        );
      } else if (session?.txnNumber !== undefined) {
        if (!definition.retryable) {
          throw new CommandError(
            "NoSuchTransaction",
            `${pending.name} cannot be run with a transaction number outside a transaction`,
          );
        }
        reply = runRetryable(pending, session);
      } else reply = definition.run(contextOf(pending, undefined));
      return withWriteConcern(reply, pending);
    },
  };
}

function findOrConfigure(name: string, failPoints: FailPoints): { definition: CommandDefinition } {
  if (name !== "configureFailPoint") return findCommand(name);
  return {
    definition: defineCommand("read", undefined, ({ command }) => {
      failPoints.configure(command);
      return new Map([["ok", 1]]);
    }),
  };
}

/** Never run as such: the runner itself answers them. */
function onlyInTransactions(): Document {
  throw new CommandError("InvalidOptions", "this command needs a transaction");
}

const transactionCommands = {
  commitTransaction: defineCommand("write", ["recoveryToken"], onlyInTransactions, { inTransaction: true }),
  abortTransaction: defineCommand("read", ["recoveryToken"], onlyInTransactions, { inTransaction: true }),
};

function deadlineOf(command: Document): number {
  const limit = command.get("maxTimeMS");
  if (limit === undefined || limit === null) return Infinity;
  if (!isNumeric(limit) || numberOf(limit) < 0)
    throw new CommandError("BadValue", "maxTimeMS must be a non-negative number");
  const ms = numberOf(limit);
  return ms === 0 ? Infinity : performance.now() + ms;
}

const readLevels = new Set(["local", "available", "majority", "linearizable", "snapshot"]);

/** One process holds all data: every level reads the same committed state. */
function checkReadConcern(command: Document): void {
  const concern = command.get("readConcern");
  if (concern === undefined) return;
  if (!isDocument(concern))
    throw new CommandError("TypeMismatch", "BSON field 'readConcern' must be an object");
  const level = concern.get("level");
  if (level !== undefined && (typeof level !== "string" || !readLevels.has(level))) {
    throw new CommandError("FailedToParse", `readConcern.level must be one of ${[...readLevels].join(", ")}`);
  }
  if (level === "snapshot" && command.get("autocommit") !== false) {
    throw new CommandError(
      "NotImplemented",
      "readConcern snapshot outside transactions is not supported by the embedded store",
    );
  }
}

/** A commit is durable before its answer, which meets w: 1, w: "majority" and j. More members there are not. */
function withWriteConcern(reply: Document, pending: Pending): Document {
  const injected = pending.failure?.writeConcernError;
  if (injected) return new Map(reply).set("writeConcernError", injected);
  const concern = pending.request.command.get("writeConcern");
  const w = isDocument(concern) ? concern.get("w") : undefined;
  if (w === undefined || w === "majority" || (isNumeric(w) && numberOf(w) <= 1)) return reply;
  const error = new Map<string, Value>([
    ["code", 100],
    ["codeName", "UnsatisfiableWriteConcern"],
    ["errmsg", "UnsatisfiableWriteConcern: Not enough data-bearing nodes"],
  ]);
  return new Map(reply).set("writeConcernError", error);
}

function asRetried(reply: Document, command: Document): Document {
  const statements = ["documents", "updates", "deletes"]
    .map((field) => command.get(field))
    .find(Array.isArray);
  const ids = statements ? statements.map((_, index) => index) : [0];
  return new Map(reply).set("retriedStmtIds", ids);
}
