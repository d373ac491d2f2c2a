import { ObjectId } from "mongodb";
import { decodeDocument } from "../bson/decode.ts";
import { isDocument, isTruthy, type Document, type Value } from "../bson/values.ts";
import type { Variables } from "../aggregate/expression.ts";
import { encodeStored } from "../engine/writer.ts";
import { CommandError } from "../errors.ts";
import type { Collection } from "../storage/catalog.ts";
import { compileUpdate, type Update } from "../update/update.ts";
import { upsertBase, upsertId } from "../update/upsert.ts";
import { refuseCollation, type CommandContext } from "./command.ts";
import { storable } from "./write-commands.ts";

export interface UpdateStatement {
  readonly filter: Document;
  readonly update: Update;
  readonly multi: boolean;
  readonly upsert: boolean;
  readonly variables: Variables | undefined;
}

export const updateFields = new Set(["q", "u", "c", "multi", "upsert", "collation", "arrayFilters", "hint"]);

/** Reads one entry of `updates`. */
export function parseUpdate(source: Document, commandLet: Variables | undefined): UpdateStatement {
  refuseCollation(source.get("collation"));
  const filter = source.get("q");
  if (!isDocument(filter))
    throw new CommandError("TypeMismatch", "BSON field 'update.updates.q' must be an object");
  const update = compileUpdate(source.get("u") as Value, source.get("arrayFilters"));
  const multi = isTruthy(source.get("multi"));
  if (multi && update.isReplacement) {
    throw new CommandError("FailedToParse", "multi update is not supported for replacement-style update");
  }
  const given = source.get("c");
  if (given !== undefined && !isDocument(given))
    throw new CommandError("TypeMismatch", "BSON field 'update.updates.c' must be an object");
  const variables = given ? new Map([...(commandLet ?? []), ...given]) : commandLet;
  return { filter, update, multi, upsert: isTruthy(source.get("upsert")), variables };
}

export interface UpdatedRow {
  readonly rid: number;
  readonly bytes: Uint8Array;
  readonly position: { index: number | undefined };
}

/** Applies an update to one stored document; returns its new bytes, or undefined when nothing changed. */
export function updateRow(
  context: CommandContext,
  collection: Collection,
  statement: Pick<UpdateStatement, "update" | "variables">,
  row: UpdatedRow,
): Uint8Array | undefined {
  const result = statement.update.apply(decodeDocument(row.bytes), {
    position: row.position,
    inserting: false,
    variables: statement.variables,
  });
  const bytes = encodeStored(context.encoder, result.document);
  if (bytes.equals(row.bytes)) return undefined;
  context.writer.replace(collection, row, result.document, bytes, result.changed);
  return bytes;
}

/** The document an upsert inserts, made of the filter's equalities and the update. */
export function insertUpsert(
  context: CommandContext,
  collection: Collection,
  statement: Pick<UpdateStatement, "filter" | "update" | "variables">,
): Document {
  const { update, filter, variables } = statement;
  const base = update.isReplacement ? replacementBase(filter) : upsertBase(filter);
  const { document } = update.apply(base, { position: { index: undefined }, inserting: true, variables });
  if (!document.has("_id")) document.set("_id", new ObjectId());
  const inserted = storable(document);
  context.writer.insert(collection, inserted);
  return inserted;
}

function replacementBase(filter: Document): Document {
  const id = upsertId(filter);
  return new Map(id === undefined ? [] : [["_id", id]]);
}
