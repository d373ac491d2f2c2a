import { randomInt } from "node:crypto";
import { decodeDocument, decodeFields } from "../bson/decode.ts";
import { isDocument, isNumeric, numberOf, typeName, type Document, type Value } from "../bson/values.ts";
import type { CommandContext } from "../commands/command.ts";
import { CommandError, notSupported } from "../errors.ts";
import { compileFilter } from "../query/filter.ts";
import { prepareQuery } from "../query/query.ts";
import { compareSortKeys, parseSort, sortKeyOf, type SortKey } from "../query/sort.ts";
import type { Collection } from "../storage/catalog.ts";
import type { Variables } from "./expression.ts";
import { compileGroup } from "./group.ts";
import { compileLookup } from "./lookup.ts";
import { MEMORY_LIMIT_BYTES, memoryExceeded, roughSize } from "./memory.ts";
import { referencedFields } from "./references.ts";
import { compileTransform, documentOperand, parseStage } from "./transforms.ts";
import { compileUnwind } from "./unwind.ts";

export type Stage = (input: Iterable<Document>, variables?: Variables) => Iterable<Document>;

export interface PipelineEnvironment {
  readonly context: CommandContext;
  readonly db: string;
  readonly hint: Value | undefined;
  /** How many pipelines this one is inside of. */
  readonly depth: number;
}

/** Where a pipeline's documents come from. */
export type PipelineSource =
  { readonly collection: string; readonly filter?: Document } | { readonly documents: Iterable<Document> };

export type RunPipeline = (source: PipelineSource, variables?: Variables) => Iterable<Document>;

const MAX_STAGES = 1000;
const MAX_DEPTH = 20;

export function readCollection({ context, db }: PipelineEnvironment, name: string): Collection | undefined {
  return context.catalog.find(db, name);
}

/**
 * Compiles a pipeline. A `$match`, `$sort`, `$skip` and `$limit` at its beginning become a query that uses the
 * indexes; the stages after it pull document by document. Throws CommandError for unknown or unsupported stages.
 */
export function compilePipeline(stages: readonly Value[], environment: PipelineEnvironment): RunPipeline {
  if (stages.length > MAX_STAGES)
    throw new CommandError(7749501, `Pipeline length must be no longer than ${MAX_STAGES} stages`);
  if (environment.depth > MAX_DEPTH)
    throw new CommandError(5107201, "Maximum number of nested sub-pipelines exceeded");
  const parsed = stages.map(parseStage);
  const head = readHead(parsed);
  const whole = parsed.map((stage, at) => compileStage(stage.name, stage.operand, environment, at));
  const tail = whole.slice(head.length);
  const fields = neededFields(parsed.slice(head.length));
  return (source, variables) => {
    if ("documents" in source) return chain(source.documents, whole, variables);
    const documents = headDocuments(environment, source, head, fields, variables);
    return chain(documents, tail, variables);
  };
}

function chain(
  documents: Iterable<Document>,
  stages: readonly Stage[],
  variables: Variables | undefined,
): Iterable<Document> {
  return stages.reduce((input, stage) => stage(input, variables), documents);
}

interface ParsedStage {
  readonly name: string;
  readonly operand: Value;
}

interface Head {
  readonly length: number;
  readonly filters: readonly Document[];
  readonly sort: Value | undefined;
  readonly skip: number;
  readonly limit: number;
}

/** The longest beginning of the form: matches, then one sort, then one skip, then one limit. */
function readHead(stages: readonly ParsedStage[]): Head {
  const filters: Document[] = [];
  let at = 0;
  for (; stages[at]?.name === "$match"; at++)
    filters.push(documentOperand("$match", (stages[at] as ParsedStage).operand, 15959));
  const take = (name: string): Value | undefined =>
    stages[at]?.name === name ? (stages[at++] as ParsedStage).operand : undefined;
  const sort = take("$sort");
  const skip = take("$skip");
  const limit = take("$limit");
  return {
    filters,
    sort,
    skip: skip === undefined ? 0 : countOperand("$skip", skip, 0),
    limit: limit === undefined ? 0 : countOperand("$limit", limit, 1),
    length: at,
  };
}

/** Fields the first remaining stage reads, where that stage lets nothing else of the document through. */
function neededFields(stages: readonly ParsedStage[]): ReadonlySet<string> | undefined {
  const [first] = stages;
  if (first?.name === "$group" || first?.name === "$sortByCount") return referencedFields(first.operand);
  return first?.name === "$count" ? new Set() : undefined;
}

function* headDocuments(
  environment: PipelineEnvironment,
  source: { collection: string; filter?: Document },
  head: Head,
  fields: ReadonlySet<string> | undefined,
  variables: Variables | undefined,
): Generator<Document, void> {
  const filters = [...(source.filter && source.filter.size > 0 ? [source.filter] : []), ...head.filters];
  const collection = readCollection(environment, source.collection);
  if (!collection) return;
  const query = prepareQuery(environment.context, collection, {
    filter:
      filters.length === 1
        ? (filters[0] as Document)
        : new Map(filters.length > 0 ? [["$and", filters]] : []),
    sort: head.sort,
    skip: head.skip,
    limit: head.limit,
    hint: environment.depth === 0 ? environment.hint : undefined,
    variables,
  });
  for (const row of query.rows()) yield fields ? decodeFields(row.bytes, fields) : decodeDocument(row.bytes);
}

function compileStage(name: string, operand: Value, environment: PipelineEnvironment, at: number): Stage {
  const transform = compileTransform(name, operand);
  if (transform) {
    return function* (input, variables) {
      for (const document of input) yield transform(document, variables);
    };
  }
  switch (name) {
    case "$match":
      return matchStage(documentOperand(name, operand, 15959));
    case "$sort":
      return sortStage(operand);
    case "$skip":
      return skipStage(countOperand(name, operand, 0));
    case "$limit":
      return limitStage(countOperand(name, operand, 1));
    case "$group":
      return compileGroup(operand);
    case "$count":
      return countStage(operand);
    case "$sortByCount":
      return sortByCountStage(operand);
    case "$unwind":
      return compileUnwind(operand);
    case "$lookup":
      return compileLookup(operand, { ...environment, depth: environment.depth + 1 });
    case "$facet":
      return facetStage(operand, environment);
    case "$unionWith":
      return unionStage(operand, environment);
    case "$sample":
      return sampleStage(operand);
    default:
      throw unknownStage(name, at);
  }
}

const refusedStages = new Set([
  "$bucket",
  "$bucketAuto",
  "$changeStream",
  "$collStats",
  "$currentOp",
  "$densify",
  "$fill",
  "$geoNear",
  "$graphLookup",
  "$indexStats",
  "$listSessions",
  "$planCacheStats",
  "$redact",
  "$search",
  "$searchMeta",
  "$setWindowFields",
  "$vectorSearch",
]);

function unknownStage(name: string, at: number): CommandError {
  if (refusedStages.has(name)) return notSupported(`the aggregation stage ${name}`);
  if (name === "$out" || name === "$merge")
    return new CommandError(40601, `${name} can only be the final stage in the pipeline`);
  if (name === "$documents" || name === "$listLocalSessions") {
    return new CommandError(
      40602,
      `${name} is only valid as the first stage in a pipeline (found at ${at}) of an aggregate on a database`,
    );
  }
  return new CommandError(40324, `Unrecognized pipeline stage name: '${name}'`);
}

function countOperand(name: string, operand: Value, least: number): number {
  const number = isNumeric(operand) ? numberOf(operand) : NaN;
  if (!Number.isInteger(number))
    throw new CommandError(
      5107201,
      `invalid argument to ${name} stage: Expected an integer: ${name}: ${typeName(operand)}`,
    );
  if (number < least)
    throw new CommandError(
      name === "$limit" ? 15958 : 5107200,
      `invalid argument to ${name} stage: the value must be ${least === 0 ? "non-negative" : "positive"}`,
    );
  return number;
}

function matchStage(spec: Document): Stage {
  // Compiled here as well, so that a wrong filter is refused before anything runs.
  compileFilter(spec);
  return function* (input, variables) {
    const { matches } = compileFilter(spec, variables ? { variables } : {});
    for (const document of input) if (matches(document)) yield document;
  };
}

function sortStage(operand: Value): Stage {
  const fields = parseSort(operand);
  if (fields.length === 0) throw new CommandError(15976, "$sort stage must have at least one sort key");
  return function* (input) {
    const entries: { document: Document; key: SortKey }[] = [];
    let bytes = 0;
    for (const document of input) {
      bytes += roughSize(document);
      if (bytes > MEMORY_LIMIT_BYTES) throw memoryExceeded("$sort");
      entries.push({ document, key: sortKeyOf(document, fields) });
    }
    entries.sort((a, b) => compareSortKeys(a.key, b.key, fields));
    for (const { document } of entries) yield document;
  };
}

function skipStage(count: number): Stage {
  return function* (input) {
    let seen = 0;
    for (const document of input) if (seen++ >= count) yield document;
  };
}

function limitStage(count: number): Stage {
  return function* (input) {
    let seen = 0;
    for (const document of input) {
      yield document;
      if (++seen >= count) return;
    }
  };
}

function countStage(operand: Value): Stage {
  if (typeof operand !== "string" || operand === "" || operand.startsWith("$") || operand.includes(".")) {
    throw new CommandError(40156, "the count field must be a non-empty string without '$' and '.'");
  }
  return function* (input) {
    let count = 0;
    for (const _ of input) count++;
    if (count > 0) yield new Map([[operand, count]]);
  };
}

function sortByCountStage(operand: Value): Stage {
  const group = compileGroup(
    new Map<string, Value>([
      ["_id", operand],
      ["count", new Map([["$sum", 1]])],
    ]),
  );
  const sort = sortStage(new Map([["count", -1]]));
  return (input, variables) => sort(group(input, variables), variables);
}

/** All branches read the same documents, which are held once for all of them. */
function facetStage(operand: Value, environment: PipelineEnvironment): Stage {
  const spec = documentOperand("$facet", operand, 40169);
  if (spec.size === 0) throw new CommandError(40169, "the $facet specification must be a non-empty object");
  const branches = [...spec].map(([name, pipeline]) => {
    if (!Array.isArray(pipeline))
      throw new CommandError(
        40170,
        `arguments to $facet must be arrays, ${name} is type ${typeName(pipeline)}`,
      );
    for (const stage of pipeline) {
      const { name: inner } = parseStage(stage);
      if (["$facet", "$out", "$merge", "$collStats", "$geoNear", "$indexStats"].includes(inner))
        throw new CommandError(40600, `${inner} is not allowed to be used within a $facet stage`);
    }
    return { name, run: compilePipeline(pipeline, { ...environment, depth: environment.depth + 1 }) };
  });
  return function* (input, variables) {
    const documents: Document[] = [];
    let bytes = 0;
    for (const document of input) {
      bytes += roughSize(document);
      if (bytes > MEMORY_LIMIT_BYTES) throw memoryExceeded("$facet");
      documents.push(document);
    }
    yield new Map(branches.map(({ name, run }) => [name, [...run({ documents }, variables)]]));
  };
}

function unionStage(operand: Value, environment: PipelineEnvironment): Stage {
  const spec: Document = isDocument(operand) ? operand : new Map([["coll", operand]]);
  const name = spec.get("coll");
  const pipeline = spec.get("pipeline") ?? [];
  if (typeof name !== "string" || !Array.isArray(pipeline))
    throw new CommandError("FailedToParse", "$unionWith needs 'coll' as a string");
  const run = compilePipeline(pipeline, { ...environment, depth: environment.depth + 1 });
  return function* (input, variables) {
    yield* input;
    yield* run({ collection: name }, variables);
  };
}

/** Reservoir sampling: one pass, holding no more than the sample. */
function sampleStage(operand: Value): Stage {
  const size = isDocument(operand) ? operand.get("size") : undefined;
  const count = size !== undefined && isNumeric(size) ? Math.trunc(numberOf(size)) : NaN;
  if (!(count > 0)) throw new CommandError(28747, "size argument to $sample must be a positive number");
  return function* (input) {
    const chosen: Document[] = [];
    let seen = 0;
    for (const document of input) {
      seen++;
      if (chosen.length < count) chosen.push(document);
      else {
        const place = randomInt(seen);
        if (place < count) chosen[place] = document;
      }
    }
    yield* chosen;
  };
}
