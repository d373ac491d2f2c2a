import { BSONRegExp } from "mongodb";
import { decodeDocument } from "../bson/decode.ts";
import { isDocument, type Document, type Value } from "../bson/values.ts";
import { CommandError, notSupported } from "../errors.ts";
import { collectValues, type Path } from "../query/path.ts";
import { prepareQuery } from "../query/query.ts";
import { checkNamespace } from "../commands/command.ts";
import { compileExpression, withVariables, type Evaluate, type Variables } from "./expression.ts";
import { MEMORY_LIMIT_BYTES, memoryExceeded, roughSize } from "./memory.ts";
import type { PipelineEnvironment, Stage } from "./pipeline.ts";
import { compilePipeline, readCollection } from "./pipeline.ts";
import { documentOperand } from "./transforms.ts";

interface LookupSpec {
  readonly from: string;
  readonly as: string;
  readonly localField: Path | undefined;
  readonly foreignField: string | undefined;
  readonly let: readonly (readonly [string, Evaluate])[];
  readonly pipeline: readonly Value[] | undefined;
}

const knownFields = new Set(["from", "as", "localField", "foreignField", "let", "pipeline"]);

function parseLookup(operand: Value): LookupSpec {
  const spec = documentOperand("$lookup", operand, 9);
  for (const name of spec.keys()) {
    if (!knownFields.has(name))
      throw new CommandError("FailedToParse", `unknown argument to $lookup: ${name}`);
  }
  const from = spec.get("from");
  const as = spec.get("as");
  const [local, foreign, pipeline] = [spec.get("localField"), spec.get("foreignField"), spec.get("pipeline")];
  if (isDocument(from)) throw notSupported("$lookup from another database");
  if (from === undefined && Array.isArray(pipeline)) throw notSupported("$lookup without 'from'");
  if (typeof from !== "string" || typeof as !== "string") {
    throw new CommandError("FailedToParse", "$lookup needs 'from' and 'as' as strings");
  }
  if ((local === undefined) !== (foreign === undefined)) {
    throw new CommandError(
      "FailedToParse",
      "$lookup requires both or neither of 'localField' and 'foreignField' to be specified",
    );
  }
  if (local === undefined && pipeline === undefined) {
    throw new CommandError(
      "FailedToParse",
      "$lookup requires either 'pipeline' or both 'localField' and 'foreignField' to be specified",
    );
  }
  const bindings = spec.get("let");
  return {
    from,
    as,
    localField: typeof local === "string" ? local.split(".") : undefined,
    foreignField: typeof foreign === "string" ? foreign : undefined,
    let: isDocument(bindings)
      ? [...bindings].map(([name, value]) => [name, compileExpression(value)] as const)
      : [],
    pipeline: Array.isArray(pipeline) ? pipeline : undefined,
  };
}

/** Joins by a query per document, which uses the indexes of the other collection; that one is never held whole. */
export function compileLookup(operand: Value, environment: PipelineEnvironment): Stage {
  const spec = parseLookup(operand);
  checkNamespace(environment.db, spec.from);
  const run = spec.pipeline ? compilePipeline(spec.pipeline, environment) : undefined;
  return function* (input, variables) {
    for (const document of input) {
      const inner =
        spec.let.length > 0
          ? withVariables(
              variables,
              spec.let.map(([name, evaluate]) => [name, evaluate(document, variables)] as const),
            )
          : variables;
      const filter = joinFilter(spec, document);
      const found = run
        ? collect(run({ collection: spec.from, filter }, inner))
        : collect(foreignDocuments(environment, spec.from, filter, inner));
      yield withField(document, spec.as.split("."), found);
    }
  };
}

function joinFilter({ localField, foreignField }: LookupSpec, document: Document): Document {
  if (!localField || foreignField === undefined) return new Map();
  const values = collectValues(document, localField, null).map((value) => value ?? null);
  if (values.some((value) => value instanceof BSONRegExp))
    throw notSupported("$lookup by a regular expression");
  const [only] = values;
  const condition = new Map<string, Value>(values.length === 1 ? [["$eq", only ?? null]] : [["$in", values]]);
  return new Map([[foreignField, condition]]);
}

function* foreignDocuments(
  environment: PipelineEnvironment,
  name: string,
  filter: Document,
  variables: Variables | undefined,
): Generator<Document, void> {
  const collection = readCollection(environment, name);
  if (!collection) return;
  const query = prepareQuery(environment.context, collection, { filter, variables });
  for (const row of query.rows()) yield decodeDocument(row.bytes);
}

/** The joined documents become one array of one document, so they have to fit in memory. */
function collect(documents: Iterable<Document>): Document[] {
  const found: Document[] = [];
  let bytes = 0;
  for (const document of documents) {
    bytes += roughSize(document);
    if (bytes > MEMORY_LIMIT_BYTES) throw memoryExceeded("$lookup");
    found.push(document);
  }
  return found;
}

export function withField(document: Document, path: Path, value: Value): Document {
  const [name = "", ...rest] = path;
  const child = document.get(name);
  const inner =
    rest.length === 0 ? value : withField(isDocument(child) ? child : new Map<string, Value>(), rest, value);
  return new Map(document).set(name, inner);
}
