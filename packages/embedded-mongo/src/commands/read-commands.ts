import { Long } from "mongodb";
import { integerValue } from "../bson/arithmetic.ts";
import { decodeDocument, decodeFields } from "../bson/decode.ts";
import { isNumeric, numberOf, type Document, type Value } from "../bson/values.ts";
import { CommandError, notSupported } from "../errors.ts";
import type { ResultDocument } from "../engine/cursors.ts";
import { nonNegativeInteger } from "../query/filter.ts";
import { collectValues } from "../query/path.ts";
import { lookupKey } from "../query/predicates.ts";
import { compileProjection } from "../query/projection.ts";
import { prepareQuery, rawOf, type Query } from "../query/query.ts";
import type { Collection } from "../storage/catalog.ts";
import {
  collectionName,
  defineCommand,
  letVariables,
  optionalBoolean,
  optionalDocument,
  refuseCollation,
  type CommandContext,
  type CommandDefinition,
} from "./command.ts";

const DEFAULT_BATCH = 101;
/** `distinct` answers in one document. */
const MAX_DISTINCT_BYTES = 16 * 1024 * 1024;

/** The query of a find, count or distinct, for running and for explaining it. */
export function queryOf(context: CommandContext, collection: Collection, filterField: string): Query {
  const { command } = context;
  const limit = command.get("limit");
  return prepareQuery(context, collection, {
    filter: optionalDocument(context, filterField) ?? new Map<string, Value>(),
    sort: command.get("sort"),
    skip: nonNegativeInteger("skip", command.get("skip"), 0),
    limit: limit !== undefined && isNumeric(limit) ? Math.abs(Math.trunc(numberOf(limit))) : 0,
    hint: hintOf(command),
    variables: letVariables(command.get("let")),
  });
}

/** An empty hint is none. */
export function hintOf(command: Document): Value | undefined {
  const hint = command.get("hint");
  return hint instanceof Map && hint.size === 0 ? undefined : hint;
}

function refuseFindOptions(context: CommandContext): void {
  const { command } = context;
  refuseCollation(command.get("collation"));
  if (optionalBoolean(context, "tailable") || optionalBoolean(context, "awaitData"))
    throw notSupported("a tailable cursor");
  for (const option of ["returnKey", "showRecordId", "oplogReplay"]) {
    if (optionalBoolean(context, option)) throw notSupported(`the find option ${option}`);
  }
  for (const option of ["min", "max"]) {
    const value = command.get(option);
    if (value instanceof Map && value.size > 0) throw notSupported(`the find option ${option}`);
  }
}

function find(context: CommandContext): Document {
  const name = collectionName(context);
  refuseFindOptions(context);
  const { command, db, cursors, catalog, transaction } = context;
  const limit = command.get("limit");
  const negative = limit !== undefined && isNumeric(limit) && numberOf(limit) < 0;
  const size = nonNegativeInteger("batchSize", command.get("batchSize"), DEFAULT_BATCH);
  const collection = catalog.find(db, name);
  return cursors.open({
    ns: `${db}.${name}`,
    results: collection ? findResults(context, collection) : emptyResults(context),
    size: collection ? size : Math.max(size, 1),
    single: negative || optionalBoolean(context, "singleBatch"),
    transaction,
  });
}

/** Also without a collection a filter that is wrong is refused. */
function emptyResults(context: CommandContext): Iterator<ResultDocument> {
  prepareQuery(context, noCollection, {
    filter: optionalDocument(context, "filter") ?? new Map<string, Value>(),
    sort: context.command.get("sort"),
  });
  return [][Symbol.iterator]();
}

const noCollection: Collection = {
  id: 0,
  db: "",
  name: "",
  ns: "",
  uuid: new Uint8Array(),
  table: "",
  indexes: [],
  since: 0,
  nextRid: 0,
  count: 0,
  dropped: true,
};

function findResults(context: CommandContext, collection: Collection): Iterator<ResultDocument> {
  const query = queryOf(context, collection, "filter");
  const spec = optionalDocument(context, "projection");
  if (!spec || spec.size === 0) return mapped(query.rows(), rawOf);
  const { project } = compileProjection(spec, "find");
  const variables = letVariables(context.command.get("let"));
  return mapped(query.rows(), (row) => project(decodeDocument(row.bytes), variables, row.position));
}

export function* mapped<From, To>(items: Iterable<From>, map: (item: From) => To): Generator<To, void> {
  for (const item of items) yield map(item);
}

function getMore(context: CommandContext): Document {
  const { command, db, cursors, transaction } = context;
  const id = command.get("getMore");
  if (!(id instanceof Long))
    throw new CommandError(
      "TypeMismatch",
      "BSON field 'getMore.getMore' is the wrong type, expected type 'long'",
    );
  const name = command.get("collection");
  if (typeof name !== "string")
    throw new CommandError("TypeMismatch", "BSON field 'getMore.collection' must be a string");
  const size = nonNegativeInteger("batchSize", command.get("batchSize"), 0);
  return cursors.more(id, `${db}.${name}`, size === 0 ? undefined : size, transaction);
}

function killCursors(context: CommandContext): Document {
  const ids = context.command.get("cursors");
  if (!Array.isArray(ids) || !ids.every((id) => id instanceof Long)) {
    throw new CommandError("TypeMismatch", "BSON field 'killCursors.cursors' must be an array of longs");
  }
  const { killed, unknown } = context.cursors.kill(ids);
  return new Map<string, Value>([
    ["cursorsKilled", killed],
    ["cursorsNotFound", unknown],
    ["cursorsAlive", []],
    ["cursorsUnknown", []],
    ["ok", 1],
  ]);
}

/** All documents of a collection; kept in memory after the first count. */
function countAll(context: CommandContext, collection: Collection): number {
  const { view } = context;
  if (view.snapshot !== Infinity) return countRows(queryOf(context, collection, "query"));
  collection.count ??= Number(view.connection.get(`SELECT count(*) AS n FROM ${collection.table}`)?.["n"]);
  return collection.count;
}

function countRows(query: Query): number {
  let count = 0;
  const rows = query.rows();
  while (!rows.next().done) count++;
  return count;
}

function count(context: CommandContext): Document {
  const name = collectionName(context);
  const { command, db, catalog } = context;
  refuseCollation(command.get("collation"));
  const collection = catalog.find(db, name);
  const filter = optionalDocument(context, "query");
  const plain = (filter?.size ?? 0) === 0 && !command.get("skip") && !command.get("limit");
  const found = !collection
    ? 0
    : plain
      ? countAll(context, collection)
      : countRows(queryOf(context, collection, "query"));
  return new Map<string, Value>([
    ["n", integerValue(found)],
    ["ok", 1],
  ]);
}

function distinct(context: CommandContext): Document {
  const name = collectionName(context);
  const { command, db, catalog } = context;
  refuseCollation(command.get("collation"));
  const key = command.get("key");
  if (typeof key !== "string" || key === "")
    throw new CommandError("TypeMismatch", "BSON field 'distinct.key' must be a non-empty string");
  const collection = catalog.find(db, name);
  const values = collection ? distinctValues(queryOf(context, collection, "query"), key) : [];
  return new Map<string, Value>([
    ["values", values],
    ["ok", 1],
  ]);
}

function distinctValues(query: Query, key: string): Value[] {
  const path = key.split(".");
  const roots = new Set([path[0] as string]);
  const found = new Map<string, Value>();
  let bytes = 0;
  for (const row of query.rows()) {
    for (const value of collectValues(decodeFields(row.bytes, roots), path, undefined)) {
      if (value === undefined) continue;
      const lookup = lookupKey(value);
      if (found.has(lookup)) continue;
      found.set(lookup, value);
      bytes += lookup.length;
      if (bytes > MAX_DISTINCT_BYTES) throw new CommandError(17217, "distinct too big, 16mb cap");
    }
  }
  return [...found.values()];
}

export const findFields = [
  "filter",
  "sort",
  "projection",
  "hint",
  "skip",
  "limit",
  "batchSize",
  "singleBatch",
  "allowDiskUse",
  "collation",
  "let",
  "max",
  "min",
  "returnKey",
  "showRecordId",
  "tailable",
  "awaitData",
  "oplogReplay",
  "noCursorTimeout",
  "allowPartialResults",
];

export const readCommands: ReadonlyMap<string, CommandDefinition> = new Map([
  ["find", defineCommand("read", findFields, find, { inTransaction: true })],
  ["getMore", defineCommand("read", ["collection", "batchSize"], getMore, { inTransaction: true })],
  ["killCursors", defineCommand("read", ["cursors"], killCursors, { inTransaction: true })],
  ["count", defineCommand("read", ["query", "limit", "skip", "hint", "collation"], count)],
  [
    "distinct",
    defineCommand("read", ["key", "query", "hint", "collation"], distinct, { inTransaction: true }),
  ],
]);
