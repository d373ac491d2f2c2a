import { ObjectId } from "mongodb";
import { decodeDocument } from "../bson/decode.ts";
import { isDocument, type Document, type Value } from "../bson/values.ts";
import { valuesEqual } from "../bson/compare.ts";
import { checkNamespace, ensureCollection, type CommandContext } from "../commands/command.ts";
import { storable } from "../commands/write-commands.ts";
import { encodeStored } from "../engine/writer.ts";
import { duplicateKey } from "../engine/duplicate-key.ts";
import { CommandError, notSupported } from "../errors.ts";
import { prepareQuery, type MatchedRow } from "../query/query.ts";
import type { Collection } from "../storage/catalog.ts";
import { mergeAll } from "./object-operators.ts";
import { compileTransforms } from "./transforms.ts";
import { withVariables } from "./expression.ts";

/** Takes a pipeline's results; it has read all of them before it writes the first. */
export type Sink = (documents: Iterable<Document>) => void;

interface Target {
  readonly db: string;
  readonly name: string;
}

function targetOf(stage: string, value: Value, context: CommandContext): Target {
  const db = isDocument(value) ? value.get("db") : context.db;
  const name = isDocument(value) ? value.get("coll") : value;
  if (typeof db !== "string" || typeof name !== "string") {
    throw new CommandError("TypeMismatch", `${stage} needs the name of a collection`);
  }
  if (isDocument(value) && value.has("timeseries")) throw notSupported("$out to a time series collection");
  checkNamespace(db, name);
  return { db, name };
}

/** Replaces a collection by the results, and keeps its indexes. All or nothing, as it is one commit. */
export function compileOut(operand: Value, context: CommandContext): Sink {
  const target = targetOf("$out", operand, context);
  return (documents) => {
    const results = [...documents];
    const collection = ensureCollection({ ...context, db: target.db }, target.name);
    const existing = [...prepareQuery(context, collection, { filter: new Map() }).rows()];
    context.writer.claim(
      collection,
      existing.map((row) => row.rid),
    );
    for (const row of existing) context.writer.remove(collection, row);
    for (const document of results) context.writer.insert(collection, storable(withId(document)));
  };
}

function withId(document: Document): Document {
  return document.has("_id") ? document : new Map([["_id", new ObjectId()], ...document]);
}

interface MergeSpec {
  readonly target: Target;
  readonly on: readonly string[];
  readonly whenMatched: string | readonly Value[];
  readonly whenNotMatched: string;
  readonly bindings: Document | undefined;
}

function parseMerge(operand: Value, context: CommandContext): MergeSpec {
  const spec = isDocument(operand) ? operand : new Map<string, Value>([["into", operand]]);
  for (const name of spec.keys()) {
    if (!["into", "on", "let", "whenMatched", "whenNotMatched"].includes(name)) {
      throw new CommandError("UnknownField", `BSON field '$merge.${name}' is an unknown field.`);
    }
  }
  const on = spec.get("on") ?? "_id";
  const whenMatched = spec.get("whenMatched") ?? "merge";
  const whenNotMatched = spec.get("whenNotMatched") ?? "insert";
  if (
    typeof whenMatched === "string"
      ? !["replace", "keepExisting", "merge", "fail"].includes(whenMatched)
      : !Array.isArray(whenMatched)
  ) {
    throw new CommandError("BadValue", "Enumeration value for field 'whenMatched' is not a valid value.");
  }
  if (typeof whenNotMatched !== "string" || !["insert", "discard", "fail"].includes(whenNotMatched)) {
    throw new CommandError("BadValue", "Enumeration value for field 'whenNotMatched' is not a valid value.");
  }
  if (spec.has("let")) throw notSupported("'let' of $merge");
  return {
    target: targetOf("$merge", spec.get("into") as Value, context),
    on: (Array.isArray(on) ? on : [on]).map(String),
    whenMatched: whenMatched as MergeSpec["whenMatched"],
    whenNotMatched,
    bindings: undefined,
  };
}

export function compileMerge(operand: Value, context: CommandContext): Sink {
  const spec = parseMerge(operand, context);
  const transforms = typeof spec.whenMatched === "string" ? [] : compileTransforms(spec.whenMatched);
  return (documents) => {
    const results = [...documents];
    const collection = ensureCollection({ ...context, db: spec.target.db }, spec.target.name);
    requireUnique(collection, spec.on);
    for (const document of results) mergeOne(context, collection, spec, document, transforms);
  };
}

/** Two targets for one document would make the result a matter of chance. */
function requireUnique(collection: Collection, on: readonly string[]): void {
  if (on.length === 1 && on[0] === "_id") return;
  const unique = collection.indexes.some(
    (index) =>
      index.unique &&
      !index.partial &&
      index.fields.length === on.length &&
      on.every((name) => index.fields.some((field) => field.name === name)),
  );
  if (!unique) throw new CommandError(51183, "Cannot find index to verify that join fields will be unique");
}

function mergeOne(
  context: CommandContext,
  collection: Collection,
  spec: MergeSpec,
  document: Document,
  transforms: ReturnType<typeof compileTransforms>,
): void {
  const source = withId(document);
  const existing = findTarget(context, collection, spec.on, source);
  if (!existing) {
    if (spec.whenNotMatched === "fail")
      throw new CommandError(
        13113,
        "$merge could not find a matching document in the target collection for at least one document in the source collection",
      );
    if (spec.whenNotMatched === "insert") context.writer.insert(collection, storable(source));
    return;
  }
  if (spec.whenMatched === "keepExisting") return;
  if (spec.whenMatched === "fail") {
    throw duplicateKey(
      collection.ns,
      { name: `${spec.on.join("_1_")}_`, keyPattern: new Map(spec.on.map((name) => [name, 1])) },
      spec.on.map((name) => source.get(name)),
    );
  }
  const before = decodeDocument(existing.bytes);
  const variables = withVariables(undefined, [["new", source]]);
  const after =
    spec.whenMatched === "replace"
      ? source
      : spec.whenMatched === "merge"
        ? mergeAll([before, source])
        : transforms.reduce((current, transform) => transform(current, variables), before);
  if (!valuesEqual(after.get("_id"), before.get("_id"))) {
    throw new CommandError(
      "ImmutableField",
      "$merge failed to update the matching document: the _id field would be modified",
    );
  }
  const stored = storable(after);
  context.writer.claim(collection, [existing.rid]);
  context.writer.replace(collection, existing, stored, encodeStored(context.encoder, stored));
}

function findTarget(
  context: CommandContext,
  collection: Collection,
  on: readonly string[],
  document: Document,
): MatchedRow | undefined {
  const filter: Document = new Map(on.map((name) => [name, new Map([["$eq", document.get(name) ?? null]])]));
  const [row] = prepareQuery(context, collection, { filter, limit: 1 }).rows();
  return row;
}
