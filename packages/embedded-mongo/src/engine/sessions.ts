import { Binary, Long } from "mongodb";
import { decodeDocument } from "../bson/decode.ts";
import type { Encoder } from "../bson/encode.ts";
import { isDocument, isLong, type Document } from "../bson/values.ts";
import { CommandError } from "../errors.ts";
import type { Connection } from "../storage/database.ts";

/** How long a write can be retried: MongoDB's time of a session. */
export const SESSION_LIFETIME_MS = 30 * 60_000;
const MAX_REMEMBERED = 10_000;

/** What a command says about its session. */
export interface SessionInfo {
  readonly id: string;
  readonly txnNumber: number | undefined;
  readonly inTransaction: boolean;
  readonly starts: boolean;
}

interface Recorded {
  readonly txnNumber: number;
  readonly command: string;
  readonly reply: Document;
}

export interface Sessions {
  /** The answer already given to this write; undefined for a new one. Throws TransactionTooOld. */
  recorded(session: SessionInfo, command: string): Document | undefined;
  /** Stores the answer within the commit under way, so that it is there exactly if the write is. */
  record(session: SessionInfo, command: string, reply: Document): void;
  /** Forgets what a rolled back commit had recorded. */
  forgetUncommitted(): void;
  /** Notes that a session sent a command. */
  seen(id: string): void;
  /** Sessions seen within their lifetime. */
  active(): { id: string; usedAt: number }[];
  /** Deletes records older than a session lives; returns how many. */
  endExpired(now: number): number;
}

/** Reads `lsid`, `txnNumber`, `autocommit` and `startTransaction`. Throws CommandError for wrong combinations. */
export function sessionOf(command: Document): SessionInfo | undefined {
  const lsid = command.get("lsid");
  if (lsid === undefined) return undefined;
  const id = isDocument(lsid) ? lsid.get("id") : undefined;
  if (!(id instanceof Binary)) throw new CommandError("TypeMismatch", "BSON field 'lsid.id' must be a UUID");
  const number = command.get("txnNumber");
  const inTransaction = command.get("autocommit") === false;
  const starts = command.get("startTransaction") === true;
  if (number !== undefined && !isLong(number))
    throw new CommandError("TypeMismatch", "BSON field 'txnNumber' must be a long");
  if (inTransaction && number === undefined) {
    throw new CommandError(
      "InvalidOptions",
      "'autocommit' field requires a transaction number to also be specified",
    );
  }
  if (starts && !inTransaction) {
    throw new CommandError(
      "InvalidOptions",
      "Specifying 'startTransaction' requires 'autocommit' to be false",
    );
  }
  const hex = Buffer.from(id.buffer.subarray(0, id.position)).toString("hex");
  return {
    id: hex,
    txnNumber: number instanceof Long ? number.toNumber() : undefined,
    inTransaction,
    starts,
  };
}

/** Records of retryable writes and committed transactions: the last one of each session, as drivers need. */
export function createSessions(connection: Connection, encoder: Encoder): Sessions {
  const remembered = new Map<string, Recorded>();
  const lastUse = new Map<string, number>();

  const load = (id: string): Recorded | undefined => {
    const row = connection.get("SELECT txn, command, reply FROM sessions WHERE id = ?", id);
    if (!row) return undefined;
    const reply = decodeDocument(row["reply"] as Uint8Array);
    return { txnNumber: Number(row["txn"]), command: String(row["command"]), reply };
  };

  const remember = (id: string, entry: Recorded): void => {
    remembered.delete(id);
    remembered.set(id, entry);
    const oldest = remembered.size > MAX_REMEMBERED ? remembered.keys().next().value : undefined;
    if (oldest !== undefined) remembered.delete(oldest);
  };

  return {
    recorded: ({ id, txnNumber = 0 }, command) => {
      const last = remembered.get(id) ?? load(id);
      if (!last || txnNumber > last.txnNumber) return undefined;
      if (txnNumber < last.txnNumber) {
        throw new CommandError(
          "TransactionTooOld",
          `Cannot start transaction ${txnNumber} on session because a newer transaction ${last.txnNumber} has already started`,
        );
      }
      if (last.command !== command) {
        throw new CommandError(
          "IncompleteTransactionHistory",
          `transaction number ${txnNumber} of this session was used by ${last.command}, not by ${command}`,
        );
      }
      return last.reply;
    },
    record: ({ id, txnNumber = 0 }, command, reply) => {
      connection.run(
        "INSERT INTO sessions (id, txn, command, reply, at) VALUES (?1, ?2, ?3, ?4, ?5) " +
          "ON CONFLICT (id) DO UPDATE SET txn = ?2, command = ?3, reply = ?4, at = ?5",
        id,
        txnNumber,
        command,
        encoder.encode(reply),
        Date.now(),
      );
      remember(id, { txnNumber, command, reply });
    },
    forgetUncommitted: () => remembered.clear(),
    seen: (id) => {
      lastUse.delete(id);
      lastUse.set(id, Date.now());
      const oldest = lastUse.size > MAX_REMEMBERED ? lastUse.keys().next().value : undefined;
      if (oldest !== undefined) lastUse.delete(oldest);
    },
    active: () => [...lastUse].map(([id, usedAt]) => ({ id, usedAt })),
    endExpired: (now) => {
      for (const [id, usedAt] of lastUse) if (now - usedAt > SESSION_LIFETIME_MS) lastUse.delete(id);
      const ended = connection.run("DELETE FROM sessions WHERE at < ?", now - SESSION_LIFETIME_MS);
      if (ended > 0) remembered.clear();
      return ended;
    },
  };
}
