import { isDocument, type Document, type Value } from "../bson/values.ts";
import { CommandError, notSupported } from "../errors.ts";
import { prepareQuery, type Query } from "../query/query.ts";
import type { Plan } from "../storage/planner.ts";
import { collectionName, defineCommand, type CommandContext, type CommandDefinition } from "./command.ts";
import { hintOf, queryOf } from "./read-commands.ts";

/** Shows the plan of a query and, by running its reading part, what it looks at. Nothing is changed. */
function explain(context: CommandContext): Document {
  const inner = context.command.get("explain");
  if (!isDocument(inner)) throw new CommandError("FailedToParse", "explain needs a command");
  const name = String(inner.keys().next().value);
  const described = { ...context, name, command: inner };
  const collection = context.catalog.find(context.db, collectionName(described));
  if (!collection)
    throw new CommandError(
      "NamespaceNotFound",
      `ns does not exist: ${context.db}.${collectionName(described)}`,
    );
  const query = explainedQuery(described, collection, name);
  const startedAt = performance.now();
  let returned = 0;
  const rows = query.rows();
  while (!rows.next().done) returned++;
  return new Map<string, Value>([
    ["explainVersion", "1"],
    [
      "queryPlanner",
      new Map<string, Value>([
        ["namespace", collection.ns],
        ["winningPlan", describePlan(query)],
        ["rejectedPlans", []],
      ]),
    ],
    [
      "executionStats",
      new Map<string, Value>([
        ["executionSuccess", true],
        ["nReturned", returned],
        ["executionTimeMillis", Math.round(performance.now() - startedAt)],
        ["totalKeysExamined", query.stats.keysExamined],
        ["totalDocsExamined", query.stats.docsExamined],
      ]),
    ],
    ["ok", 1],
  ]);
}

function explainedQuery(
  context: CommandContext,
  collection: Parameters<typeof queryOf>[1],
  name: string,
): Query {
  if (name === "find") return queryOf(context, collection, "filter");
  if (name === "count" || name === "distinct" || name === "findAndModify")
    return queryOf(context, collection, "query");
  if (name !== "update" && name !== "delete") throw notSupported(`explain of ${name}`);
  const [statement] = (context.command.get(`${name}s`) ?? []) as Value[];
  if (!isDocument(statement))
    throw new CommandError("FailedToParse", `explain of ${name} needs one statement`);
  const all = name === "update" ? statement.get("multi") === true : statement.get("limit") === 0;
  return prepareQuery(context, collection, {
    filter: statement.get("q") as Document,
    limit: all ? 0 : 1,
    hint: hintOf(statement),
  });
}

function describePlan({ planned }: Query): Document {
  const input = describeAccess(planned.plan);
  return planned.sorted
    ? input
    : new Map<string, Value>([
        ["stage", "SORT"],
        ["inputStage", input],
      ]);
}

function describeAccess(plan: Plan): Document {
  switch (plan.kind) {
    case "nothing":
      return new Map([["stage", "EOF"]]);
    case "collection":
      return new Map([
        ["stage", "COLLSCAN"],
        ["direction", plan.reverse ? "backward" : "forward"],
      ]);
    case "union":
      return new Map<string, Value>([
        ["stage", "OR"],
        ["inputStages", plan.plans.map(describeAccess)],
      ]);
    case "index":
      return new Map<string, Value>([
        ["stage", "IXSCAN"],
        ["indexName", plan.access.name],
        ["keyPattern", new Map(plan.access.keyPattern)],
        ["direction", plan.reverse ? "backward" : "forward"],
        ["ranges", plan.ranges.length],
      ]);
  }
}

export const explainCommands: ReadonlyMap<string, CommandDefinition> = new Map([
  ["explain", defineCommand("read", ["verbosity"], explain)],
]);
