import { decodeDocument } from "../bson/decode.ts";
import type { Encoder } from "../bson/encode.ts";
import type { Document } from "../bson/values.ts";
import { CommandError } from "../errors.ts";
import type { Collection, Index } from "../storage/catalog.ts";
import type { Connection, Database } from "../storage/database.ts";
import { keysOf } from "../storage/index-keys.ts";
import type { Overlay, StoredRow, View } from "../storage/scan.ts";
import { writeConflict, type ConflictRegistry } from "./conflicts.ts";
import { duplicateKey } from "./duplicate-key.ts";
import { encodeStored, idKey, type DirectWriter, type DocumentWriter } from "./writer.ts";

/** MongoDB ends a transaction after a minute; so that nobody's documents stay held for longer. */
const LIFETIME_MS = 60_000;
/** Bytes of changed documents one transaction may hold in memory. */
const MAX_CHANGED_BYTES = 64 * 1024 * 1024;
const MAX_OPEN = 100;

interface Change {
  /** The stored bytes of before; undefined for an insert. */
  readonly before: Uint8Array | undefined;
  after: Uint8Array | null;
}

interface ChangedCollection {
  readonly collection: Collection;
  readonly changes: Map<number, Change>;
  readonly documents: Map<number, Uint8Array | null>;
  /** Unique keys the transaction's own documents have: index and key, to document number. */
  readonly keys: Map<string, number>;
}

export interface Transaction {
  readonly id: string;
  readonly number: number;
  readonly view: View;
  readonly writer: DocumentWriter;
  readonly expiresAt: number;
}

interface OpenTransaction extends Transaction {
  readonly snapshotConnection: Connection;
  readonly changed: Map<number, ChangedCollection>;
}

export interface Transactions {
  find(id: string): Transaction | undefined;
  begin(id: string, number: number): Transaction;
  /** Applies the changes within the commit under way. Throws WriteConflict when a key was taken meanwhile. */
  apply(transaction: Transaction): void;
  /** Ends it, whether committed or not; frees its documents and its snapshot. */
  end(transaction: Transaction): void;
  /** Ends those past their lifetime; returns how many. */
  endExpired(now: number): number;
  endAll(): void;
}

/**
 * Transactions read a snapshot of their own and keep their changes in memory until they commit: nothing of an
 * unfinished transaction is ever in the database, and others neither see it nor wait for it to read.
 */
export function createTransactions(options: {
  database: Database;
  encoder: Encoder;
  conflicts: ConflictRegistry;
  direct: DirectWriter;
  lastCommit: () => number;
  /** Told whenever one ends, so that statements waiting for it may run. */
  onEnd: () => void;
}): Transactions {
  const { database, conflicts, direct, lastCommit, onEnd } = options;
  const open = new Map<string, OpenTransaction>();

  const end = (transaction: Transaction): void => {
    const own = open.get(transaction.id);
    if (own !== transaction) return;
    open.delete(own.id);
    conflicts.release(own);
    conflicts.setOpenTransactions(open.size);
    own.snapshotConnection.close();
    onEnd();
  };

  return {
    find: (id) => open.get(id),
    begin: (id, number) => {
      if (open.size >= MAX_OPEN) {
        throw new CommandError("WriteConflict", `more than ${MAX_OPEN} transactions are open`, {
          labels: ["TransientTransactionError"],
        });
      }
      const transaction = openTransaction(options, id, number, database.openSnapshot(), lastCommit());
      open.set(id, transaction);
      conflicts.setOpenTransactions(open.size);
      return transaction;
    },
    apply: (transaction) => {
      const { changed } = transaction as OpenTransaction;
      for (const { collection, changes } of changed.values()) {
        if (collection.dropped) throw writeConflict("the collection was dropped");
        applyRemovals(direct, collection, changes);
        try {
          applyWrites(direct, collection, changes);
        } catch (error) {
          if (error instanceof CommandError && error.codeName === "DuplicateKey")
            throw writeConflict(error.message);
          throw error;
        }
      }
    },
    end,
    endExpired: (now) => {
      const expired = [...open.values()].filter((transaction) => transaction.expiresAt <= now);
      for (const transaction of expired) end(transaction);
      return expired.length;
    },
    endAll: () => {
      for (const transaction of [...open.values()]) end(transaction);
    },
  };
}

/** Removals first: they free unique keys that another document of the transaction may have taken. */
function applyRemovals(
  direct: DirectWriter,
  collection: Collection,
  changes: ReadonlyMap<number, Change>,
): void {
  for (const [rid, { before, after }] of changes) {
    if (after === null && before) direct.remove(collection, { rid, bytes: before });
  }
}

function applyWrites(
  direct: DirectWriter,
  collection: Collection,
  changes: ReadonlyMap<number, Change>,
): void {
  for (const [rid, { before, after }] of changes) {
    if (after === null) continue;
    const document = decodeDocument(after);
    if (before) direct.replace(collection, { rid, bytes: before }, document, after);
    else direct.insertAs(collection, rid, document, after);
  }
}

function openTransaction(
  options: { encoder: Encoder; conflicts: ConflictRegistry; database: Database },
  id: string,
  number: number,
  snapshotConnection: Connection,
  snapshot: number,
): OpenTransaction {
  const { encoder, conflicts, database } = options;
  const changed = new Map<number, ChangedCollection>();
  let changedBytes = 0;

  const changedOf = (collection: Collection): ChangedCollection => {
    let own = changed.get(collection.id);
    if (!own) {
      own = { collection, changes: new Map(), documents: new Map(), keys: new Map() };
      changed.set(collection.id, own);
    }
    return own;
  };

  const account = (bytes: number): void => {
    changedBytes += bytes;
    if (changedBytes > MAX_CHANGED_BYTES) {
      throw new CommandError(
        "TransactionTooLarge",
        `a transaction may change at most ${MAX_CHANGED_BYTES} bytes of documents`,
      );
    }
  };

  /** A key taken by a committed document counts, unless this transaction removed or changed that document. */
  const takenBy = (own: ChangedCollection, table: string, key: Buffer, rid: number): boolean => {
    const inOwn = own.keys.get(`${table}:${key.toString("latin1")}`);
    if (inOwn !== undefined && inOwn !== rid) return true;
    const rows = database.writer.all(`SELECT rid FROM ${table} WHERE key = ? LIMIT 2`, key);
    return rows.some((row) => row["rid"] !== rid && !own.changes.has(Number(row["rid"])));
  };

  const uniqueEntries = (collection: Collection, document: Document) => [
    {
      index: { name: "_id_", keyPattern: new Map([["_id", 1]]), table: collection.table },
      keys: [{ key: idKey(document), values: [document.get("_id")] }],
    },
    ...collection.indexes
      .filter((index: Index) => index.unique)
      .map((index) => ({ index, keys: keysOf(index, document).keys })),
  ];

  const put = (
    collection: Collection,
    rid: number,
    before: StoredRow | undefined,
    after: Document | null,
    bytes: Uint8Array | null,
  ) => {
    const own = changedOf(collection);
    const entries = after ? uniqueEntries(collection, after) : [];
    for (const { index, keys } of entries) {
      for (const entry of keys) {
        if (takenBy(own, index.table, entry.key, rid)) throw duplicateKey(collection.ns, index, entry.values);
      }
    }
    account(bytes?.length ?? 0);
    if (!own.changes.has(rid)) {
      conflicts.lock(transaction, collection, rid, snapshot);
      own.changes.set(rid, { before: before?.bytes, after: bytes });
    }
    for (const [key, holder] of before ? own.keys : []) if (holder === rid) own.keys.delete(key);
    for (const { index, keys } of entries) {
      for (const { key } of keys) own.keys.set(`${index.table}:${key.toString("latin1")}`, rid);
    }
    (own.changes.get(rid) as Change).after = bytes;
    own.documents.set(rid, bytes);
  };

  const view: View = {
    connection: snapshotConnection,
    snapshot,
    overlay: (collection): Overlay | undefined => changed.get(collection.id),
  };
  const writer: DocumentWriter = {
    insert: (collection, document) => {
      put(collection, collection.nextRid++, undefined, document, encodeStored(encoder, document));
    },
    replace: (collection, before, after, afterBytes) =>
      put(collection, before.rid, before, after, afterBytes),
    remove: (collection, before) => put(collection, before.rid, before, null, null),
    claim: (collection, rids) => {
      for (const rid of rids) conflicts.lock(transaction, collection, rid, snapshot);
    },
  };
  const transaction: OpenTransaction = {
    id,
    number,
    view,
    writer,
    expiresAt: Date.now() + LIFETIME_MS,
    snapshotConnection,
    changed,
  };
  return transaction;
}
