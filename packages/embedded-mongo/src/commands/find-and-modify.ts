import { decodeDocument } from "../bson/decode.ts";
import { RawDocument, isTruthy, type Document, type Value } from "../bson/values.ts";
import { CommandError } from "../errors.ts";
import { compileProjection } from "../query/projection.ts";
import { prepareQuery, type MatchedRow } from "../query/query.ts";
import type { Collection } from "../storage/catalog.ts";
import { compileUpdate } from "../update/update.ts";
import {
  collectionName,
  ensureCollection,
  letVariables,
  optionalBoolean,
  optionalDocument,
  refuseCollation,
  type CommandContext,
} from "./command.ts";
import { hintOf } from "./read-commands.ts";
import { insertUpsert, updateRow } from "./update-statement.ts";

export const findAndModifyFields = [
  "query",
  "sort",
  "remove",
  "update",
  "new",
  "fields",
  "upsert",
  "bypassDocumentValidation",
  "collation",
  "arrayFilters",
  "hint",
  "let",
];

/** Finds one document and changes or removes it in one step. */
export function findAndModify(context: CommandContext): Document {
  const name = collectionName(context);
  const { command, catalog, db } = context;
  refuseCollation(command.get("collation"));
  checkOptions(context);
  const collection = catalog.find(db, name);
  const row = collection ? firstMatch(context, collection) : undefined;
  if (optionalBoolean(context, "remove")) return remove(context, collection, row);
  return update(context, name, collection, row);
}

function checkOptions(context: CommandContext): void {
  const { command } = context;
  const removes = optionalBoolean(context, "remove");
  if (removes && command.has("update"))
    throw new CommandError("FailedToParse", "Cannot specify both an update and remove=true");
  if (removes && isTruthy(command.get("upsert")))
    throw new CommandError("FailedToParse", "Cannot specify both upsert=true and remove=true");
  if (removes && isTruthy(command.get("new"))) {
    throw new CommandError(
      "FailedToParse",
      "Cannot specify both new=true and remove=true; 'remove' always returns the deleted document",
    );
  }
  if (!removes && !command.has("update"))
    throw new CommandError("FailedToParse", "Either an update or remove=true must be specified");
}

function firstMatch(context: CommandContext, collection: Collection): MatchedRow | undefined {
  const { command } = context;
  const query = prepareQuery(context, collection, {
    filter: optionalDocument(context, "query") ?? new Map<string, Value>(),
    sort: command.get("sort"),
    limit: 1,
    hint: hintOf(command),
    variables: letVariables(command.get("let")),
  });
  const [row] = query.rows();
  if (row) context.writer.claim(collection, [row.rid]);
  return row;
}

function projected(context: CommandContext, bytes: Uint8Array, row?: MatchedRow): Value {
  const fields = optionalDocument(context, "fields");
  if (!fields || fields.size === 0) return new RawDocument(bytes);
  const { project } = compileProjection(fields, "find");
  return project(decodeDocument(bytes), letVariables(context.command.get("let")), row?.position);
}

function reply(lastError: Document, value: Value): Document {
  return new Map<string, Value>([
    ["lastErrorObject", lastError],
    ["value", value],
    ["ok", 1],
  ]);
}

function remove(
  context: CommandContext,
  collection: Collection | undefined,
  row: MatchedRow | undefined,
): Document {
  if (!collection || !row) return reply(new Map([["n", 0]]), null);
  const value = projected(context, row.bytes, row);
  context.writer.remove(collection, row);
  return reply(new Map([["n", 1]]), value);
}

function update(
  context: CommandContext,
  name: string,
  collection: Collection | undefined,
  row: MatchedRow | undefined,
): Document {
  const { command } = context;
  const statement = {
    filter: optionalDocument(context, "query") ?? new Map<string, Value>(),
    update: compileUpdate(command.get("update") as Value, command.get("arrayFilters")),
    variables: letVariables(command.get("let")),
  };
  const wantsNew = optionalBoolean(context, "new");
  if (collection && row) {
    const before = wantsNew ? undefined : projected(context, row.bytes, row);
    const bytes = updateRow(context, collection, statement, row) ?? row.bytes;
    const lastError = new Map<string, Value>([
      ["n", 1],
      ["updatedExisting", true],
    ]);
    return reply(lastError, before ?? projected(context, bytes, row));
  }
  if (!optionalBoolean(context, "upsert")) {
    return reply(
      new Map<string, Value>([
        ["n", 0],
        ["updatedExisting", false],
      ]),
      null,
    );
  }
  const inserted = insertUpsert(context, ensureCollection(context, name), statement);
  const lastError = new Map<string, Value>([
    ["n", 1],
    ["updatedExisting", false],
    ["upserted", inserted.get("_id") as Value],
  ]);
  return reply(lastError, wantsNew ? projected(context, context.encoder.encode(inserted)) : null);
}
