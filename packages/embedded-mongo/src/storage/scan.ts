import type { Collection } from "./catalog.ts";
import type { Connection, SqlRow, SqlValue } from "./database.ts";
import type { KeyRange, Plan } from "./planner.ts";

export interface StoredRow {
  readonly rid: number;
  readonly bytes: Uint8Array;
}

/** What a query looked at; answered by `explain` and watched by the tests. */
export interface ScanStats {
  keysExamined: number;
  docsExamined: number;
}

/** Uncommitted changes of a transaction: a document's new bytes, or null when it is deleted. */
export interface Overlay {
  readonly documents: ReadonlyMap<number, Uint8Array | null>;
}

/** What a reader sees: the committed state of a connection, and its own transaction's changes over it. */
export interface View {
  readonly connection: Connection;
  overlay(collection: Collection): Overlay | undefined;
  /** Commits after this one are not in the view; Infinity outside transactions. */
  readonly snapshot: number;
}

const FIRST_CHUNK = 16;
const LARGEST_CHUNK = 512;

/**
 * The rows a plan leads to. Rows are fetched in chunks, each by a look-up of the place where the one before
 * ended, so that a scan may pause between rows for as long as it likes and holds no lock and no result set.
 */
export function* scanRows(
  view: View,
  collection: Collection,
  plan: Plan,
  stats: ScanStats,
): Generator<StoredRow, void> {
  if (collection.dropped) return;
  const overlay = view.overlay(collection);
  if (collection.since <= view.snapshot) {
    for (const row of baseRows(view.connection, collection, plan, stats)) {
      if (!overlay?.documents.has(row.rid)) yield row;
    }
  }
  if (!overlay || plan.kind === "nothing") return;
  for (const [rid, bytes] of overlay.documents) {
    stats.docsExamined++;
    if (bytes) yield { rid, bytes };
  }
}

function* baseRows(
  connection: Connection,
  collection: Collection,
  plan: Plan,
  stats: ScanStats,
): Generator<StoredRow, void> {
  if (plan.kind === "nothing") return;
  if (plan.kind === "collection") yield* collectionRows(connection, collection, plan.reverse, stats);
  else if (plan.kind === "union") {
    const seen = new Set<number>();
    for (const branch of plan.plans) yield* unseen(baseRows(connection, collection, branch, stats), seen);
  } else {
    const rows = indexRows(connection, collection, plan, stats);
    yield* plan.access.index?.multikey ? unseen(rows, new Set()) : rows;
  }
}

/** A document with several keys in an index comes up once. */
function* unseen(rows: Iterable<StoredRow>, seen: Set<number>): Generator<StoredRow, void> {
  for (const row of rows) {
    if (seen.has(row.rid)) continue;
    seen.add(row.rid);
    yield row;
  }
}

function* collectionRows(
  connection: Connection,
  collection: Collection,
  reverse: boolean,
  stats: ScanStats,
): Generator<StoredRow, void> {
  const sql = `SELECT rid, doc FROM ${collection.table} WHERE rid ${reverse ? "<" : ">"} ? ORDER BY rid ${reverse ? "DESC" : "ASC"} LIMIT ?`;
  let last = reverse ? Number.MAX_SAFE_INTEGER : -1;
  for (let size = FIRST_CHUNK; !collection.dropped; size = Math.min(size * 4, LARGEST_CHUNK)) {
    const rows = connection.all(sql, last, size);
    for (const row of rows) {
      stats.docsExamined++;
      last = row["rid"] as number;
      yield { rid: last, bytes: row["doc"] as Uint8Array };
    }
    if (rows.length < size) return;
  }
}

type IndexPlan = Extract<Plan, { kind: "index" }>;

function* indexRows(
  connection: Connection,
  collection: Collection,
  plan: IndexPlan,
  stats: ScanStats,
): Generator<StoredRow, void> {
  const count = plan.ranges.length;
  for (let at = 0; at < count; at++) {
    const range = plan.ranges[plan.reverse ? count - 1 - at : at] as KeyRange;
    yield* rangeRows(connection, collection, plan, range, stats);
  }
}

function* rangeRows(
  connection: Connection,
  collection: Collection,
  plan: IndexPlan,
  range: KeyRange,
  stats: ScanStats,
): Generator<StoredRow, void> {
  if (plan.unique) {
    const row = connection.get(pointSql(collection, plan), range.from);
    if (!row) return;
    stats.keysExamined++;
    stats.docsExamined++;
    yield { rid: row["rid"] as number, bytes: row["doc"] as Uint8Array };
    return;
  }
  const sql = rangeSql(collection, plan, range.below === undefined);
  let lastKey: SqlValue = plan.reverse ? (range.below ?? endOfKeys) : range.from;
  let lastRid = -1;
  const bound: SqlValue[] = plan.reverse ? [range.from] : range.below ? [range.below] : [];
  for (let size = FIRST_CHUNK; !collection.dropped; size = Math.min(size * 4, LARGEST_CHUNK)) {
    const rows: SqlRow[] = connection.all(sql, lastKey, lastRid, ...bound, size);
    for (const row of rows) {
      stats.keysExamined++;
      stats.docsExamined++;
      lastKey = row["key"] as Uint8Array;
      lastRid = row["rid"] as number;
      yield { rid: lastRid, bytes: row["doc"] as Uint8Array };
    }
    if (rows.length < size) return;
  }
}

/** Above every key: no type has this number. */
const endOfKeys = Buffer.from([255, 255]);

function pointSql(collection: Collection, { access }: IndexPlan): string {
  if (!access.index) return `SELECT rid, doc FROM ${collection.table} WHERE key = ?`;
  return `SELECT d.rid, d.doc FROM ${access.index.table} i CROSS JOIN ${collection.table} d ON d.rid = i.rid WHERE i.key = ?`;
}

/** Places are (key, rid) pairs; a rid of -1 is before every document with that key. */
function rangeSql(collection: Collection, plan: IndexPlan, unbounded: boolean): string {
  const { index } = plan.access;
  if (!index) return idRangeSql(collection, plan.reverse, unbounded);
  const condition = plan.reverse
    ? "(i.key, i.rid) < (?, ?) AND i.key >= ?"
    : `(i.key, i.rid) > (?, ?)${unbounded ? "" : " AND i.key < ?"}`;
  const order = plan.reverse ? "i.key DESC, i.rid DESC" : "i.key, i.rid";
  return (
    `SELECT i.key, i.rid, d.doc FROM ${index.table} i CROSS JOIN ${collection.table} d ON d.rid = i.rid ` +
    `WHERE ${condition} ORDER BY ${order} LIMIT ?`
  );
}

/** Keys of `_id` are unique: a key alone is a place, left out once its document (rid >= 0) was given. */
function idRangeSql(collection: Collection, reverse: boolean, unbounded: boolean): string {
  const condition = reverse
    ? "key < ?1 AND ?2 = ?2 AND key >= ?3"
    : `key >= ?1 AND NOT (key = ?1 AND ?2 >= 0)${unbounded ? "" : " AND key < ?3"}`;
  const limit = !reverse && unbounded ? "?3" : "?4";
  const order = reverse ? "key DESC" : "key";
  return `SELECT key, rid, doc FROM ${collection.table} WHERE ${condition} ORDER BY ${order} LIMIT ${limit}`;
}

/** One document by its number, as the view sees it. */
export function readRow(view: View, collection: Collection, rid: number): Uint8Array | undefined {
  const own = view.overlay(collection)?.documents.get(rid);
  if (own !== undefined) return own ?? undefined;
  if (collection.since > view.snapshot) return undefined;
  const row = view.connection.get(`SELECT doc FROM ${collection.table} WHERE rid = ?`, rid);
  return row?.["doc"] as Uint8Array | undefined;
}
