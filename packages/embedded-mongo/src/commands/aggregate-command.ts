import { Binary } from "mongodb";
import { isDocument, isNumeric, numberOf, type Document, type Value } from "../bson/values.ts";
import { compileExpression } from "../aggregate/expression.ts";
import { compileMerge, compileOut, type Sink } from "../aggregate/output.ts";
import { compilePipeline, type PipelineEnvironment, type PipelineSource } from "../aggregate/pipeline.ts";
import { parseStage } from "../aggregate/transforms.ts";
import { CommandError } from "../errors.ts";
import { nonNegativeInteger } from "../query/filter.ts";
import {
  checkNamespace,
  defineCommand,
  letVariables,
  optionalDocument,
  refuseCollation,
  type CommandContext,
  type CommandDefinition,
} from "./command.ts";
import { hintOf } from "./read-commands.ts";

const DEFAULT_BATCH = 101;

const aggregateFields = [
  "pipeline",
  "cursor",
  "allowDiskUse",
  "bypassDocumentValidation",
  "hint",
  "let",
  "collation",
  "explain",
];

/** `$out` and `$merge` make a write of an aggregate. */
export function writesResults(command: Document): boolean {
  const pipeline = command.get("pipeline");
  const last = Array.isArray(pipeline) ? pipeline.at(-1) : undefined;
  return isDocument(last) && (last.has("$out") || last.has("$merge"));
}

function aggregate(context: CommandContext): Document {
  const { command, db, cursors, transaction } = context;
  refuseCollation(command.get("collation"));
  if (command.get("explain") === true)
    throw new CommandError("NotImplemented", "explain of aggregate is not supported by the embedded store");
  const pipeline = command.get("pipeline");
  if (!Array.isArray(pipeline))
    throw new CommandError("TypeMismatch", "'pipeline' option must be specified as an array");
  const cursor = optionalDocument(context, "cursor");
  if (!cursor)
    throw new CommandError(
      "FailedToParse",
      "The 'cursor' option is required, except for aggregate with the explain argument",
    );
  const environment: PipelineEnvironment = { context, db, hint: hintOf(command), depth: 0 };
  const { source, stages, ns } = sourceOf(context, pipeline);
  const sink = sinkOf(context, stages);
  const run = compilePipeline(sink ? stages.slice(0, -1) : stages, environment);
  const results = run(source, letVariables(command.get("let")));
  if (sink) sink(results);
  return cursors.open({
    ns,
    results: sink ? [][Symbol.iterator]() : results[Symbol.iterator](),
    size: nonNegativeInteger("batchSize", cursor.get("batchSize"), DEFAULT_BATCH),
    single: false,
    transaction,
  });
}

/** A collection's documents; or, for an aggregate on a database, what its first stage gives. */
function sourceOf(
  context: CommandContext,
  pipeline: readonly Value[],
): { source: PipelineSource; stages: readonly Value[]; ns: string } {
  const { command, db, name } = context;
  const target = command.get(name);
  if (typeof target === "string") {
    checkNamespace(db, target);
    return { source: { collection: target }, stages: pipeline, ns: `${db}.${target}` };
  }
  if (target === undefined || !isNumeric(target) || numberOf(target) !== 1) {
    throw new CommandError(
      "FailedToParse",
      "Invalid command format: the 'aggregate' field must specify a collection name or 1",
    );
  }
  const first = pipeline[0] === undefined ? undefined : parseStage(pipeline[0]);
  const ns = `${db}.$cmd.aggregate`;
  if (first?.name === "$documents")
    return { source: { documents: literalDocuments(first.operand) }, stages: pipeline.slice(1), ns };
  if (first?.name === "$listLocalSessions")
    return { source: { documents: sessionDocuments(context) }, stages: pipeline.slice(1), ns };
  if (first?.name === "$changeStream" || first?.name === "$currentOp")
    throw new CommandError(
      "NotImplemented",
      `the aggregation stage ${first.name} is not supported by the embedded store`,
    );
  throw new CommandError(
    "InvalidNamespace",
    "{aggregate: 1} is not valid for this pipeline; a collection is required.",
  );
}

function literalDocuments(operand: Value): Document[] {
  const value = compileExpression(operand)(new Map());
  if (!Array.isArray(value) || !value.every(isDocument)) {
    throw new CommandError(5858203, "an array of objects is expected as the operand of $documents");
  }
  return value;
}

function sessionDocuments({ activeSessions }: CommandContext): Document[] {
  return activeSessions().map(
    ({ id, usedAt }) =>
      new Map<string, Value>([
        ["_id", new Map<string, Value>([["id", new Binary(Buffer.from(id, "hex"), 4)]])],
        ["lastUse", new Date(usedAt)],
      ]),
  );
}

function sinkOf(context: CommandContext, stages: readonly Value[]): Sink | undefined {
  const last = stages.at(-1);
  if (last === undefined) return undefined;
  const { name, operand } = parseStage(last);
  if (name !== "$out" && name !== "$merge") return undefined;
  if (context.transaction) {
    throw new CommandError("OperationNotSupportedInTransaction", `${name} cannot be used in a transaction`);
  }
  return name === "$out" ? compileOut(operand, context) : compileMerge(operand, context);
}

export const aggregateCommands: ReadonlyMap<string, CommandDefinition> = new Map([
  [
    "aggregate",
    defineCommand((command) => (writesResults(command) ? "write" : "read"), aggregateFields, aggregate, {
      inTransaction: true,
    }),
  ],
]);
