import { Double } from "mongodb";
import { isDocument, type Document, type Value } from "../bson/values.ts";
import { CommandError } from "../errors.ts";
import { defineCommand, type CommandContext, type CommandDefinition } from "./command.ts";
import { MAX_DOCUMENT_BYTES } from "../engine/writer.ts";
import { MAX_WRITE_BATCH } from "./write-commands.ts";

/** What the store answers as its version: the rules it follows are those of MongoDB 7.0. */
export const SERVER_VERSION = "7.0.0";
/** Wire version of MongoDB 7.0: drivers then use no `bulkWrite` command, which begins with 25 (8.0). */
const MAX_WIRE_VERSION = 21;
export const MAX_MESSAGE_BYTES = 48_000_000;
const SET_NAME = "embedded";

function ok(...fields: [string, Value][]): Document {
  return new Map<string, Value>([...fields, ["ok", new Double(1)]]);
}

/**
 * Describes a replica set of one member: drivers offer sessions, transactions and retryable writes to no other
 * kind of server. `topologyVersion` is left out, so that drivers poll instead of keeping a connection waiting.
 */
function hello(context: CommandContext): Document {
  const { address } = context.serverInfo;
  const legacy = context.name !== "hello";
  return ok(
    ["helloOk", true],
    [legacy ? "ismaster" : "isWritablePrimary", true],
    ["secondary", false],
    ["setName", SET_NAME],
    ["setVersion", 1],
    ["hosts", [address]],
    ["me", address],
    ["primary", address],
    ["maxBsonObjectSize", MAX_DOCUMENT_BYTES],
    ["maxMessageSizeBytes", MAX_MESSAGE_BYTES],
    ["maxWriteBatchSize", MAX_WRITE_BATCH],
    ["localTime", new Date()],
    ["logicalSessionTimeoutMinutes", 30],
    ["connectionId", context.connectionId],
    ["minWireVersion", 0],
    ["maxWireVersion", MAX_WIRE_VERSION],
    ["readOnly", false],
  );
}

function buildInfo(): Document {
  return ok(
    ["version", SERVER_VERSION],
    ["versionArray", [...SERVER_VERSION.split(".").map(Number), 0]],
    ["gitVersion", "embedded"],
    ["modules", []],
    ["bits", 64],
    ["debug", false],
    ["maxBsonObjectSize", MAX_DOCUMENT_BYTES],
    ["storageEngines", ["sqlite"]],
  );
}

function connectionStatus(): Document {
  return ok([
    "authInfo",
    new Map<string, Value>([
      ["authenticatedUsers", []],
      ["authenticatedUserRoles", []],
    ]),
  ]);
}

function whatsMyUri(context: CommandContext): Document {
  return ok(["you", `${context.serverInfo.address}:${context.connectionId}`]);
}

function serverStatus(context: CommandContext): Document {
  const uptimeMs = Date.now() - context.serverInfo.startedAt;
  return ok(
    ["host", context.serverInfo.address],
    ["version", SERVER_VERSION],
    ["process", "embedded-mongo"],
    ["pid", process.pid],
    ["uptime", Math.floor(uptimeMs / 1000)],
    ["uptimeMillis", uptimeMs],
    ["localTime", new Date()],
  );
}

function getParameter(context: CommandContext): Document {
  const asked = [...context.command.keys()].filter((name) => name === "featureCompatibilityVersion");
  if (asked.length === 0) throw new CommandError("InvalidOptions", "no option found to get");
  return ok(["featureCompatibilityVersion", new Map<string, Value>([["version", "7.0"]])]);
}

/** Sessions have no state of their own besides retry records, which expire. */
function sessionsAcknowledged(): Document {
  return ok();
}

const sessionList = new Set(["endSessions", "refreshSessions", "killSessions"]);

function checkSessions(context: CommandContext): Document {
  const list = context.command.get(context.name);
  if (sessionList.has(context.name) && !(Array.isArray(list) && list.every(isDocument))) {
    throw new CommandError(
      "TypeMismatch",
      `BSON field '${context.name}.${context.name}' must be an array of objects`,
    );
  }
  return sessionsAcknowledged();
}

export const adminCommands: ReadonlyMap<string, CommandDefinition> = new Map([
  ["hello", defineCommand("read", undefined, hello)],
  ["isMaster", defineCommand("read", undefined, hello)],
  ["ismaster", defineCommand("read", undefined, hello)],
  ["ping", defineCommand("read", [], () => ok())],
  ["buildInfo", defineCommand("read", [], buildInfo)],
  ["buildinfo", defineCommand("read", [], buildInfo)],
  ["connectionStatus", defineCommand("read", ["showPrivileges"], connectionStatus)],
  ["whatsmyuri", defineCommand("read", [], whatsMyUri)],
  ["serverStatus", defineCommand("read", undefined, serverStatus)],
  ["getParameter", defineCommand("read", undefined, getParameter)],
  ["endSessions", defineCommand("read", [], checkSessions)],
  ["refreshSessions", defineCommand("read", [], checkSessions)],
  ["killSessions", defineCommand("read", [], checkSessions)],
]);
