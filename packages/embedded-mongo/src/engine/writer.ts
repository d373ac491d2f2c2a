import type { Encoder } from "../bson/encode.ts";
import { decodeDocument } from "../bson/decode.ts";
import { encodeKey } from "../bson/key.ts";
import type { Document, Value } from "../bson/values.ts";
import { CommandError } from "../errors.ts";
import type { Catalog, Collection, Index } from "../storage/catalog.ts";
import type { Connection } from "../storage/database.ts";
import { keysOf, type DocumentKeys } from "../storage/index-keys.ts";
import type { StoredRow } from "../storage/scan.ts";
import type { ConflictRegistry } from "./conflicts.ts";
import { duplicateKey } from "./duplicate-key.ts";

/** The largest document MongoDB stores. */
export const MAX_DOCUMENT_BYTES = 16 * 1024 * 1024;

/** What a command may do to documents, inside a transaction or outside. Each call is done fully or not at all. */
export interface DocumentWriter {
  /** Throws E11000, or CommandError for a document that cannot be stored. */
  insert(collection: Collection, document: Document): void;
  /** `changed` names the top-level fields that may differ; without it all indexes are looked at. */
  replace(
    collection: Collection,
    before: StoredRow,
    after: Document,
    afterBytes: Uint8Array,
    changed?: ReadonlySet<string>,
  ): void;
  remove(collection: Collection, before: StoredRow): void;
  /** Called with all documents a statement is about to change, before the first of them is. */
  claim(collection: Collection, rids: readonly number[]): void;
}

/** Raised before a statement has changed anything: it has to wait for this transaction and run again. */
export class WaitForTransaction extends Error {
  readonly owner: object;

  constructor(owner: object) {
    super("the document is held by an open transaction");
    this.owner = owner;
  }
}

export function idKey(document: Document): Buffer {
  return encodeKey([document.get("_id")], [false]);
}

export function encodeStored(encoder: Encoder, document: Document): Buffer {
  const bytes = encoder.encode(document);
  if (bytes.length > MAX_DOCUMENT_BYTES) {
    throw new CommandError(
      "BSONObjectTooLarge",
      `BSONObj size: ${bytes.length} is invalid. Size must be between 0 and ${MAX_DOCUMENT_BYTES}(16MB)`,
    );
  }
  return bytes;
}

interface IndexChange {
  readonly index: Index;
  readonly before: DocumentKeys;
  readonly after: DocumentKeys;
}

const nothing: DocumentKeys = { keys: [], multikey: false };
const idIndex = { name: "_id_", keyPattern: new Map<string, Value>([["_id", 1]]) };

export interface DirectWriter extends DocumentWriter {
  /** For a transaction's commit, whose documents carry numbers already. */
  insertAs(collection: Collection, rid: number, document: Document, bytes: Uint8Array): void;
}

/** Writes into SQLite within the commit under way. Uniqueness is checked before the first statement. */
export function createDirectWriter(options: {
  connection: Connection;
  encoder: Encoder;
  catalog: Catalog;
  conflicts: ConflictRegistry;
}): DirectWriter {
  const { connection, encoder, catalog, conflicts } = options;

  const requireUnique = (collection: Collection, change: IndexChange, own: number): void => {
    if (!change.index.unique) return;
    for (const entry of change.after.keys) {
      const rows = connection.all(`SELECT rid FROM ${change.index.table} WHERE key = ? LIMIT 2`, entry.key);
      if (rows.some((row) => row["rid"] !== own))
        throw duplicateKey(collection.ns, change.index, entry.values);
    }
  };

  const applyChange = ({ index, before, after }: IndexChange, rid: number): void => {
    const kept = new Set(after.keys.map((entry) => entry.key.toString("latin1")));
    const had = new Set(before.keys.map((entry) => entry.key.toString("latin1")));
    for (const { key } of before.keys) {
      if (!kept.has(key.toString("latin1")))
        connection.run(`DELETE FROM ${index.table} WHERE key = ? AND rid = ?`, key, rid);
    }
    for (const { key } of after.keys) {
      if (!had.has(key.toString("latin1")))
        connection.run(`INSERT INTO ${index.table} (key, rid) VALUES (?, ?)`, key, rid);
    }
    if (after.multikey) catalog.markMultikey(index);
  };

  const insertAs = (collection: Collection, rid: number, document: Document, bytes: Uint8Array): void => {
    const changes = collection.indexes.map((index) => ({
      index,
      before: nothing,
      after: keysOf(index, document),
    }));
    for (const change of changes) requireUnique(collection, change, rid);
    const sql = `INSERT OR IGNORE INTO ${collection.table} (rid, key, doc) VALUES (?, ?, ?)`;
    if (connection.run(sql, rid, idKey(document), bytes) === 0) {
      throw duplicateKey(collection.ns, idIndex, [document.get("_id")]);
    }
    for (const change of changes) applyChange(change, rid);
    if (collection.count !== undefined) collection.count++;
    conflicts.touched(collection, rid);
  };

  return {
    insertAs,
    insert: (collection, document) => {
      insertAs(collection, collection.nextRid++, document, encodeStored(encoder, document));
    },
    replace: (collection, before, after, afterBytes, changed) => {
      const affected = collection.indexes.filter((index) => isAffected(index, changed));
      const old = affected.length > 0 ? decodeDocument(before.bytes) : new Map<string, Value>();
      const changes = affected.map((index) => ({
        index,
        before: keysOf(index, old),
        after: keysOf(index, after),
      }));
      for (const change of changes) requireUnique(collection, change, before.rid);
      connection.run(`UPDATE ${collection.table} SET doc = ? WHERE rid = ?`, afterBytes, before.rid);
      for (const change of changes) applyChange(change, before.rid);
      conflicts.touched(collection, before.rid);
    },
    remove: (collection, { rid, bytes }) => {
      const old = collection.indexes.length > 0 ? decodeDocument(bytes) : new Map<string, Value>();
      for (const index of collection.indexes)
        applyChange({ index, before: keysOf(index, old), after: nothing }, rid);
      connection.run(`DELETE FROM ${collection.table} WHERE rid = ?`, rid);
      if (collection.count !== undefined) collection.count--;
      conflicts.touched(collection, rid);
    },
    claim: (collection, rids) => {
      for (const rid of rids) {
        const owner = conflicts.ownerOf(collection, rid);
        if (owner) throw new WaitForTransaction(owner);
      }
    },
  };
}

function isAffected(index: Index, changed: ReadonlySet<string> | undefined): boolean {
  if (!changed) return true;
  if (
    index.partial &&
    (!index.partial.fields || [...index.partial.fields].some((field) => changed.has(field)))
  )
    return true;
  return index.fields.some((field) => changed.has(field.path[0] as string));
}
