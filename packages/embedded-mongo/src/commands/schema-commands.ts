import { Binary } from "mongodb";
import { decodeDocument } from "../bson/decode.ts";
import { isDocument, isTruthy, type Document, type Value } from "../bson/values.ts";
import { CommandError, notSupported } from "../errors.ts";
import { duplicateKey } from "../engine/duplicate-key.ts";
import { compileFilter } from "../query/filter.ts";
import type { Collection, Index } from "../storage/catalog.ts";
import { keysOf } from "../storage/index-keys.ts";
import { parseIndexSpec, sameKeyPattern, sameOptions, type IndexDefinition } from "../storage/index-spec.ts";
import { scanRows } from "../storage/scan.ts";
import {
  collectionName,
  defineCommand,
  documentList,
  ensureCollection,
  optionalBoolean,
  optionalDocument,
  refuseCollation,
  type CommandContext,
  type CommandDefinition,
} from "./command.ts";

const MAX_INDEXES = 64;

function ok(...fields: [string, Value][]): Document {
  return new Map<string, Value>([...fields, ["ok", 1]]);
}

const createFields = [
  "capped",
  "size",
  "max",
  "timeseries",
  "expireAfterSeconds",
  "clusteredIndex",
  "viewOn",
  "pipeline",
  "validator",
  "validationLevel",
  "validationAction",
  "collation",
  "storageEngine",
  "indexOptionDefaults",
  "changeStreamPreAndPostImages",
  "encryptedFields",
  "autoIndexId",
  "idIndex",
];

function create(context: CommandContext): Document {
  const name = collectionName(context);
  const { catalog, db, command } = context;
  refuseCollation(command.get("collation"));
  for (const option of createFields) {
    const value = command.get(option);
    if (option !== "collation" && option !== "idIndex" && option !== "autoIndexId" && isTruthy(value)) {
      throw notSupported(`the create option ${option}`);
    }
  }
  if (catalog.find(db, name)) {
    throw new CommandError("NamespaceExists", `Collection ${db}.${name} already exists.`);
  }
  ensureCollection(context, name);
  return ok();
}

function drop(context: CommandContext): Document {
  const name = collectionName(context);
  const collection = context.catalog.find(context.db, name);
  if (!collection) return ok();
  const count = collection.indexes.length + 1;
  context.catalog.dropCollection(collection);
  return ok(["nIndexesWas", count], ["ns", collection.ns]);
}

function dropDatabase(context: CommandContext): Document {
  for (const collection of context.catalog.list(context.db)) context.catalog.dropCollection(collection);
  return ok(["dropped", context.db]);
}

function createIndexes(context: CommandContext): Document {
  const name = collectionName(context);
  const { command, catalog, db } = context;
  const quorum = command.get("commitQuorum");
  if (quorum !== undefined && typeof quorum !== "string" && typeof quorum !== "number") {
    throw new CommandError("TypeMismatch", "BSON field 'createIndexes.commitQuorum' has the wrong type");
  }
  const definitions = documentList(context, "indexes").map(parseIndexSpec);
  if (definitions.length === 0)
    throw new CommandError("BadValue", "Must specify at least one index to create");
  const existed = catalog.find(db, name) !== undefined;
  const collection = ensureCollection(context, name);
  const before = collection.indexes.length + 1;
  for (const definition of definitions) addIndex(context, collection, definition);
  const after = collection.indexes.length + 1;
  return ok(
    ["numIndexesBefore", before],
    ["numIndexesAfter", after],
    ["createdCollectionAutomatically", !existed],
    ...(after === before ? ([["note", "all indexes already exist"]] as [string, Value][]) : []),
  );
}

function isIdIndex(definition: IndexDefinition): boolean {
  return (
    definition.fields.length === 1 && definition.fields[0]?.name === "_id" && !definition.fields[0].descending
  );
}

function addIndex(context: CommandContext, collection: Collection, definition: IndexDefinition): void {
  if (isIdIndex(definition)) {
    if (definition.sparse || definition.partial || definition.expireAfterSeconds !== undefined) {
      throw new CommandError(197, "The _id index cannot have other options than its key and name");
    }
    return;
  }
  for (const existing of collection.indexes) {
    if (existing.name === definition.name) {
      if (sameKeyPattern(existing, definition) && sameOptions(existing, definition)) return;
      throw new CommandError(
        sameKeyPattern(existing, definition) ? "IndexOptionsConflict" : "IndexKeySpecsConflict",
        `An existing index has the same name as the requested index. When index names are not specified, they are auto generated and can cause conflicts. Please refer to our documentation. Requested index: ${definition.name}, existing index: ${existing.name}`,
      );
    }
    if (sameKeyPattern(existing, definition) && samePartial(existing, definition)) {
      throw new CommandError(
        "IndexOptionsConflict",
        `Index already exists with a different name: ${existing.name}`,
      );
    }
  }
  if (collection.indexes.length + 1 >= MAX_INDEXES) {
    throw new CommandError("CannotCreateIndex", `add index fails, too many indexes for ${collection.ns}`);
  }
  buildIndex(context, collection, context.catalog.addIndex(collection, definition));
}

function samePartial(a: IndexDefinition, b: IndexDefinition): boolean {
  return sameOptions(
    { ...a, unique: b.unique, sparse: b.sparse, expireAfterSeconds: b.expireAfterSeconds },
    b,
  );
}

/** Indexes what the collection holds already. Throws E11000, which takes back the whole command. */
function buildIndex(context: CommandContext, collection: Collection, index: Index): void {
  const { view, catalog } = context;
  const { connection } = view;
  const stats = { keysExamined: 0, docsExamined: 0 };
  for (const { rid, bytes } of scanRows(view, collection, { kind: "collection", reverse: false }, stats)) {
    const { keys, multikey } = keysOf(index, decodeDocument(bytes));
    for (const { key, values } of keys) {
      if (index.unique && connection.get(`SELECT rid FROM ${index.table} WHERE key = ? LIMIT 1`, key)) {
        throw duplicateKey(collection.ns, index, values);
      }
      connection.run(`INSERT INTO ${index.table} (key, rid) VALUES (?, ?)`, key, rid);
    }
    if (multikey) catalog.markMultikey(index);
  }
}

function requireCollection(context: CommandContext): Collection {
  const name = collectionName(context);
  const collection = context.catalog.find(context.db, name);
  if (!collection) throw new CommandError("NamespaceNotFound", `ns does not exist: ${context.db}.${name}`);
  return collection;
}

const idIndexSpec: Document = new Map<string, Value>([
  ["v", 2],
  ["key", new Map([["_id", 1]])],
  ["name", "_id_"],
]);

function listIndexes(context: CommandContext): Document {
  const collection = requireCollection(context);
  return context.cursors.open({
    ns: collection.ns,
    results: [idIndexSpec, ...collection.indexes.map((index) => index.spec)][Symbol.iterator](),
    size: undefined,
    single: false,
    transaction: undefined,
  });
}

function dropIndexes(context: CommandContext): Document {
  const collection = requireCollection(context);
  const before = collection.indexes.length + 1;
  const wanted = context.command.get("index");
  const targets = wanted === "*" ? [...collection.indexes] : namedIndexes(collection, wanted);
  for (const index of targets) context.catalog.dropIndex(collection, index);
  return ok(["nIndexesWas", before]);
}

function namedIndexes(collection: Collection, wanted: Value | undefined): Index[] {
  const names = Array.isArray(wanted) ? wanted : [wanted];
  return names.map((name) => {
    if (name === "_id_" || (isDocument(name) && name.size === 1 && name.has("_id"))) {
      throw new CommandError("InvalidOptions", "cannot drop _id index");
    }
    const found = collection.indexes.find((index) =>
      isDocument(name) ? samePattern(index.keyPattern, name) : index.name === name,
    );
    if (!found) {
      throw new CommandError(
        "IndexNotFound",
        typeof name === "string"
          ? `index not found with name [${name}]`
          : "can't find index with the given key",
      );
    }
    return found;
  });
}

function samePattern(a: Document, b: Document): boolean {
  const left = [...a];
  const right = [...b];
  return (
    left.length === right.length &&
    left.every(([name, value], at) => right[at]?.[0] === name && Number(right[at][1]) === Number(value))
  );
}

function listCollections(context: CommandContext): Document {
  const { catalog, db, cursors } = context;
  const filter = optionalDocument(context, "filter");
  const nameOnly = optionalBoolean(context, "nameOnly");
  const matches = filter ? compileFilter(filter).matches : () => true;
  const entries = catalog
    .list(db)
    .map(collectionEntry)
    .filter((entry) => matches(entry));
  return cursors.open({
    ns: `${db}.$cmd.listCollections`,
    results: entries.map((entry) => (nameOnly ? nameAndType(entry) : entry))[Symbol.iterator](),
    size: undefined,
    single: false,
    transaction: undefined,
  });
}

function nameAndType(entry: Document): Document {
  return new Map([...entry].filter(([name]) => name === "name" || name === "type"));
}

function collectionEntry(collection: Collection): Document {
  return new Map<string, Value>([
    ["name", collection.name],
    ["type", "collection"],
    ["options", new Map()],
    [
      "info",
      new Map<string, Value>([
        ["readOnly", false],
        ["uuid", new Binary(collection.uuid, 4)],
      ]),
    ],
    ["idIndex", idIndexSpec],
  ]);
}

function listDatabases(context: CommandContext): Document {
  if (context.db !== "admin")
    throw new CommandError("Unauthorized", "listDatabases may only be run against the admin database.");
  const filter = optionalDocument(context, "filter");
  const nameOnly = optionalBoolean(context, "nameOnly");
  const matches = filter ? compileFilter(filter).matches : () => true;
  const entries = context.catalog
    .databases()
    .map(
      (name) =>
        new Map<string, Value>(
          nameOnly
            ? [["name", name]]
            : [
                ["name", name],
                ["sizeOnDisk", sizeOf(context, name)],
                ["empty", false],
              ],
        ),
    )
    .filter((entry) => matches(entry));
  const total = entries.reduce((sum, entry) => sum + Number(entry.get("sizeOnDisk") ?? 0), 0);
  return ok(["databases", entries], ...(nameOnly ? [] : ([["totalSize", total]] as [string, Value][])));
}

/** Bytes of the documents of a database, without indexes. */
function sizeOf(context: CommandContext, db: string): number {
  return context.catalog
    .list(db)
    .map((collection) =>
      context.view.connection.get(`SELECT total(length(doc)) AS n FROM ${collection.table}`),
    )
    .reduce((sum, row) => sum + Number(row?.["n"] ?? 0), 0);
}

export const schemaCommands: ReadonlyMap<string, CommandDefinition> = new Map([
  ["create", defineCommand("write", createFields, create, { inTransaction: true })],
  ["drop", defineCommand("write", [], drop)],
  ["dropDatabase", defineCommand("write", [], dropDatabase)],
  [
    "createIndexes",
    defineCommand("write", ["indexes", "commitQuorum", "ignoreUnknownIndexOptions"], createIndexes),
  ],
  ["listIndexes", defineCommand("read", ["cursor"], listIndexes)],
  ["dropIndexes", defineCommand("write", ["index"], dropIndexes)],
  [
    "listCollections",
    defineCommand("read", ["filter", "nameOnly", "authorizedCollections", "cursor"], listCollections),
  ],
  ["listDatabases", defineCommand("read", ["filter", "nameOnly", "authorizedDatabases"], listDatabases)],
]);
