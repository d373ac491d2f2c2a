import { ObjectId } from "mongodb";
import { isDocument, isNumeric, numberOf, typeName, type Document, type Value } from "../bson/values.ts";
import type { Variables } from "../aggregate/expression.ts";
import { CommandError } from "../errors.ts";

import { prepareQuery } from "../query/query.ts";
import type { Collection } from "../storage/catalog.ts";
import { fillTimestamps } from "../update/update.ts";
import {
  checkDeadline,
  checkStatementFields,
  collectionName,
  defineCommand,
  documentList,
  ensureCollection,
  letVariables,
  optionalBoolean,
  refuseCollation,
  type CommandContext,
  type CommandDefinition,
} from "./command.ts";
import { findAndModify, findAndModifyFields } from "./find-and-modify.ts";
import { hintOf } from "./read-commands.ts";
import { insertUpsert, parseUpdate, updateFields, updateRow } from "./update-statement.ts";

/** The most statements one command may have; `hello` says so too. */
export const MAX_WRITE_BATCH = 100_000;

interface Progress {
  next: number;
  n: number;
  nModified: number;
  readonly upserted: Value[];
  readonly errors: Document[];
}

/**
 * Runs statement by statement. A failed one becomes an entry of `writeErrors`; with `ordered` it is the last.
 * In a transaction a failure fails the command. A statement that has to wait starts again where it stopped.
 */
function runStatements(
  context: CommandContext,
  statements: readonly Document[],
  run: (statement: Document, progress: Progress, index: number) => void,
): Document {
  if (statements.length === 0 || statements.length > MAX_WRITE_BATCH) {
    throw new CommandError(
      "InvalidLength",
      `Write batch sizes must be between 1 and ${MAX_WRITE_BATCH}. Got ${statements.length} operations.`,
    );
  }
  const ordered = !context.command.has("ordered") || optionalBoolean(context, "ordered");
  const progress = progressOf(context);
  while (progress.next < statements.length) {
    const index = progress.next;
    try {
      checkDeadline(context);
      run(statements[index] as Document, progress, index);
    } catch (error) {
      if (!(error instanceof CommandError) || context.transaction) throw error;
      progress.errors.push(writeError(error, index));
      if (ordered) break;
    }
    progress.next++;
  }
  return writeReply(context, progress);
}

function progressOf(context: CommandContext): Progress {
  const kept = context.progress.get("statements") as Progress | undefined;
  const progress = kept ?? { next: 0, n: 0, nModified: 0, upserted: [], errors: [] };
  context.progress.set("statements", progress);
  return progress;
}

function writeError(error: CommandError, index: number): Document {
  return new Map<string, Value>([
    ["index", index],
    ["code", error.code],
    ...(error.fields as ReadonlyMap<string, Value>),
    ["errmsg", error.message],
  ]);
}

function writeReply(context: CommandContext, progress: Progress): Document {
  const reply: Document = new Map([["n", progress.n]]);
  if (context.name === "update") reply.set("nModified", progress.nModified);
  if (progress.upserted.length > 0) reply.set("upserted", progress.upserted);
  if (progress.errors.length > 0) reply.set("writeErrors", progress.errors);
  return reply.set("ok", 1);
}

function insert(context: CommandContext): Document {
  const name = collectionName(context);
  const documents = documentList(context, "documents");
  const collection = ensureCollection(context, name);
  return runStatements(context, documents, (document, progress) => {
    context.writer.insert(collection, storable(document));
    progress.n++;
  });
}

/** `_id` first, made when missing; names and values the server does not store are refused. */
export function storable(document: Document): Document {
  const id = document.get("_id") ?? new ObjectId();
  checkId(id);
  const first = document.keys().next();
  if (!first.done && first.value === "_id" && document.has("_id")) {
    fillTimestamps(document);
    return document;
  }
  const ordered: Document = new Map([["_id", document.has("_id") ? (document.get("_id") as Value) : id]]);
  for (const [name, value] of document) if (name !== "_id") ordered.set(name, value);
  fillTimestamps(ordered);
  return ordered;
}

export function checkId(id: Value): void {
  const type = typeName(id);
  if (type === "array" || type === "regex") {
    throw new CommandError("BadValue", `The '_id' value cannot be of type ${type}`);
  }
  if (isDocument(id)) {
    for (const name of id.keys()) {
      if (name.startsWith("$")) {
        throw new CommandError(
          "DollarPrefixedFieldName",
          `_id fields may not contain '$'-prefixed fields: ${name} is not valid for storage.`,
        );
      }
    }
  }
}

function update(context: CommandContext): Document {
  const name = collectionName(context);
  const statements = documentList(context, "updates");
  const commandLet = letVariables(context.command.get("let"));
  for (const statement of statements) checkStatementFields(statement, updateFields, "update.updates");
  return runStatements(context, statements, (source, progress, index) => {
    const statement = parseUpdate(source, commandLet);
    const collection = context.catalog.find(context.db, name);
    const rids = collection
      ? claimMatches(context, collection, source, statement.multi, statement.variables)
      : [];
    if (rids.length === 0 && statement.upsert) {
      const inserted = insertUpsert(context, ensureCollection(context, name), statement);
      progress.n++;
      progress.upserted.push(
        new Map<string, Value>([
          ["index", index],
          ["_id", inserted.get("_id") as Value],
        ]),
      );
      return;
    }
    for (const match of rids) {
      const changed = updateRow(context, collection as Collection, statement, match);
      progress.n++;
      if (changed) progress.nModified++;
    }
  });
}

interface Match {
  readonly rid: number;
  readonly bytes: Uint8Array;
  readonly position: { index: number | undefined };
}

/** Finds all documents first: a changed document must not be met a second time by the same statement. */
function claimMatches(
  context: CommandContext,
  collection: Collection,
  source: Document,
  multi: boolean,
  variables: Variables | undefined,
): Match[] {
  const query = prepareQuery(context, collection, {
    filter: source.get("q") as Document,
    limit: multi ? 0 : 1,
    hint: hintOf(source),
    variables,
  });
  const matches = [...query.rows()];
  context.writer.claim(
    collection,
    matches.map((match) => match.rid),
  );
  return matches;
}

const deleteFields = new Set(["q", "limit", "hint", "collation"]);

function deleteDocuments(context: CommandContext): Document {
  const name = collectionName(context);
  const statements = documentList(context, "deletes");
  for (const statement of statements) checkStatementFields(statement, deleteFields, "delete.deletes");
  const commandLet = letVariables(context.command.get("let"));
  return runStatements(context, statements, (statement, progress) => {
    refuseCollation(statement.get("collation"));
    if (!isDocument(statement.get("q")))
      throw new CommandError("TypeMismatch", "BSON field 'delete.deletes.q' must be an object");
    const limit = statement.get("limit");
    if (!isNumeric(limit) || (numberOf(limit) !== 0 && numberOf(limit) !== 1)) {
      throw new CommandError("FailedToParse", `The limit field in delete objects must be 0 or 1`);
    }
    const collection = context.catalog.find(context.db, name);
    if (!collection) return;
    for (const { rid, bytes } of claimMatches(
      context,
      collection,
      statement,
      numberOf(limit) === 0,
      commandLet,
    )) {
      context.writer.remove(collection, { rid, bytes });
      progress.n++;
    }
  });
}

const common = ["ordered", "bypassDocumentValidation", "let"];

export const writeCommands: ReadonlyMap<string, CommandDefinition> = new Map([
  [
    "insert",
    defineCommand("write", ["documents", "ordered", "bypassDocumentValidation"], insert, {
      inTransaction: true,
      retryable: true,
    }),
  ],
  [
    "update",
    defineCommand("write", ["updates", ...common], update, { inTransaction: true, retryable: true }),
  ],
  [
    "delete",
    defineCommand("write", ["deletes", "ordered", "let"], deleteDocuments, {
      inTransaction: true,
      retryable: true,
    }),
  ],
  [
    "findAndModify",
    defineCommand("write", findAndModifyFields, findAndModify, { inTransaction: true, retryable: true }),
  ],
]);
