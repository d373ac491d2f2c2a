import { CommandError } from "../errors.ts";
import { adminCommands } from "./admin-commands.ts";
import { aggregateCommands } from "./aggregate-command.ts";
import type { CommandDefinition } from "./command.ts";
import { explainCommands } from "./explain-command.ts";
import { readCommands } from "./read-commands.ts";
import { schemaCommands } from "./schema-commands.ts";
import { writeCommands } from "./write-commands.ts";

const commands: ReadonlyMap<string, CommandDefinition> = new Map([
  ...adminCommands,
  ...readCommands,
  ...writeCommands,
  ...schemaCommands,
  ...aggregateCommands,
  ...explainCommands,
]);

/** Older spellings that clients still send. */
const aliases = new Map([
  ["findandmodify", "findAndModify"],
  ["deleteIndexes", "dropIndexes"],
]);

/** Commands MongoDB has and this store does not. */
const refused = new Set([
  "applyOps",
  "authenticate",
  "autoCompact",
  "balancerStart",
  "bulkWrite",
  "cloneCollectionAsCapped",
  "collMod",
  "collStats",
  "compact",
  "convertToCapped",
  "createUser",
  "currentOp",
  "dataSize",
  "dbHash",
  "dbStats",
  "dropUser",
  "fsync",
  "getLog",
  "getCmdLineOpts",
  "hostInfo",
  "isdbgrid",
  "killOp",
  "listCommands",
  "logRotate",
  "mapReduce",
  "planCacheClear",
  "profile",
  "reIndex",
  "renameCollection",
  "replSetGetStatus",
  "saslContinue",
  "saslStart",
  "setFeatureCompatibilityVersion",
  "setParameter",
  "shardCollection",
  "shutdown",
  "startSession",
  "top",
  "usersInfo",
  "validate",
]);

/** Finds a command by its name. Throws CommandNotSupported or CommandNotFound. */
export function findCommand(name: string): { name: string; definition: CommandDefinition } {
  const canonical = aliases.get(name) ?? name;
  const definition = commands.get(canonical);
  if (definition) return { name, definition };
  if (refused.has(name)) {
    throw new CommandError(
      "CommandNotSupported",
      `the command ${name} is not supported by the embedded store`,
    );
  }
  throw new CommandError("CommandNotFound", `no such command: '${name}'`);
}
