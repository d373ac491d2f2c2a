import type { Encoder } from "../bson/encode.ts";
import { isDocument, isNumeric, numberOf, typeName, type Document, type Value } from "../bson/values.ts";
import { compileExpression, type Variables } from "../aggregate/expression.ts";
import type { Cursors } from "../engine/cursors.ts";
import type { Transaction } from "../engine/transactions.ts";
import type { DocumentWriter } from "../engine/writer.ts";
import { CommandError } from "../errors.ts";
import type { Catalog, Collection } from "../storage/catalog.ts";
import type { View } from "../storage/scan.ts";

/** What every command works with. */
export interface Services {
  readonly catalog: Catalog;
  readonly encoder: Encoder;
  readonly cursors: Cursors;
  readonly serverInfo: ServerInfo;
}

export interface ServerInfo {
  /** What `hello` names as this server's address. */
  readonly address: string;
  readonly startedAt: number;
}

export interface CommandContext extends Services {
  readonly name: string;
  readonly db: string;
  readonly command: Document;
  readonly connectionId: number;
  readonly view: View;
  readonly writer: DocumentWriter;
  readonly transaction: Transaction | undefined;
  /** Monotonic milliseconds after which the command gives up; Infinity without `maxTimeMS`. */
  readonly deadline: number;
  /** Kept between runs of a command that had to wait: what it has done so far. */
  readonly progress: Map<string, unknown>;
  /** Sessions that sent a command lately; `usedAt` in milliseconds since 1970. */
  activeSessions(): { id: string; usedAt: number }[];
}

export type CommandKind = "read" | "write";

export interface CommandDefinition {
  /** Reads run before the writes of a round; writes share its commit. */
  readonly kind: CommandKind | ((command: Document) => CommandKind);
  /** The fields it knows besides the generic ones; undefined where any are accepted. */
  readonly fields: ReadonlySet<string> | undefined;
  readonly inTransaction: boolean;
  /** With a transaction number outside a transaction, its answer is recorded and given again to a retry. */
  readonly retryable: boolean;
  run(context: CommandContext): Document;
}

export function defineCommand(
  kind: CommandDefinition["kind"],
  fields: readonly string[] | undefined,
  run: CommandDefinition["run"],
  more: { inTransaction?: boolean; retryable?: boolean } = {},
): CommandDefinition {
  return {
    kind,
    fields: fields ? new Set(fields) : undefined,
    run,
    inTransaction: more.inTransaction ?? false,
    retryable: more.retryable ?? false,
  };
}

const genericFields = new Set([
  "$db",
  "$readPreference",
  "$clusterTime",
  "$audit",
  "$client",
  "$configServerState",
  "apiVersion",
  "apiStrict",
  "apiDeprecationErrors",
  "autocommit",
  "comment",
  "lsid",
  "maxTimeMS",
  "readConcern",
  "startTransaction",
  "txnNumber",
  "writeConcern",
  "help",
]);

/** Unknown fields are refused as the server does, so that no option is silently without effect. */
export function checkFields(
  context: { name: string; command: Document },
  definition: CommandDefinition,
): void {
  if (!definition.fields) return;
  for (const field of context.command.keys()) {
    if (field === context.name || genericFields.has(field) || definition.fields.has(field)) continue;
    throw new CommandError("UnknownField", `BSON field '${context.name}.${field}' is an unknown field.`);
  }
}

export function checkStatementFields(statement: Document, known: ReadonlySet<string>, what: string): void {
  for (const field of statement.keys()) {
    if (!known.has(field))
      throw new CommandError("UnknownField", `BSON field '${what}.${field}' is an unknown field.`);
  }
}

const MAX_NAMESPACE_BYTES = 255;

/** The collection a command names. Throws InvalidNamespace. */
export function collectionName(context: { name: string; command: Document; db: string }): string {
  const value = context.command.get(context.name);
  if (typeof value !== "string") {
    throw new CommandError("InvalidNamespace", `collection name has invalid type ${typeName(value)}`);
  }
  checkNamespace(context.db, value);
  return value;
}

export function checkNamespace(db: string, name: string): void {
  if (db === "" || db.length > 63 || /[/\\. "$*<>:|?\0]/.test(db)) {
    throw new CommandError("InvalidNamespace", `Invalid database name: '${db}'`);
  }
  if (
    name === "" ||
    name.includes("\0") ||
    name.includes("$") ||
    name.startsWith(".") ||
    name.endsWith(".")
  ) {
    throw new CommandError("InvalidNamespace", `Invalid namespace specified '${db}.${name}'`);
  }
  if (Buffer.byteLength(`${db}.${name}`) > MAX_NAMESPACE_BYTES) {
    throw new CommandError(
      "InvalidNamespace",
      `Fully qualified namespace is too long. Namespace: ${db}.${name} Max: ${MAX_NAMESPACE_BYTES}`,
    );
  }
}

/** The collection to write to; made when it is not there, as MongoDB does on the first insert. */
export function ensureCollection(context: CommandContext, name: string): Collection {
  const { catalog, db } = context;
  if (name.startsWith("system."))
    throw new CommandError("InvalidNamespace", `cannot write to '${db}.${name}'`);
  return catalog.find(db, name) ?? catalog.createCollection(db, name);
}

export function optionalDocument(
  context: { name: string; command: Document },
  field: string,
): Document | undefined {
  const value = context.command.get(field);
  if (value === undefined || value === null) return undefined;
  if (!isDocument(value)) {
    throw new CommandError(
      "TypeMismatch",
      `BSON field '${context.name}.${field}' is the wrong type '${typeName(value)}', expected type 'object'`,
    );
  }
  return value;
}

export function optionalBoolean(context: { name: string; command: Document }, field: string): boolean {
  const value = context.command.get(field);
  if (value === undefined || value === null) return false;
  if (typeof value === "boolean") return value;
  if (isNumeric(value)) return numberOf(value) !== 0;
  throw new CommandError(
    "TypeMismatch",
    `BSON field '${context.name}.${field}' is the wrong type '${typeName(value)}', expected type 'bool'`,
  );
}

/** A list of documents, such as `documents`, `updates` or `deletes`. */
export function documentList(context: { name: string; command: Document }, field: string): Document[] {
  const value = context.command.get(field);
  if (!Array.isArray(value)) {
    throw new CommandError(
      "TypeMismatch",
      `BSON field '${context.name}.${field}' is the wrong type '${typeName(value)}', expected type 'array'`,
    );
  }
  return value.map((entry) => {
    if (!isDocument(entry))
      throw new CommandError("TypeMismatch", `BSON field '${context.name}.${field}' must contain objects`);
    return entry;
  });
}

/** `let` as variables: each value is an expression without a document. */
export function letVariables(value: Value | undefined): Variables | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isDocument(value)) throw new CommandError("TypeMismatch", "BSON field 'let' must be an object");
  for (const name of value.keys()) {
    if (!/^[a-z][\w]*$/.test(name))
      throw new CommandError(
        "FailedToParse",
        `'${name}' starts with an invalid character for a user variable name`,
      );
  }
  const empty: Document = new Map();
  return new Map([...value].map(([name, expression]) => [name, compileExpression(expression)(empty)]));
}

/** Collation `simple` is comparing bytes, which is what the store does; any other one is refused. */
export function refuseCollation(value: Value | undefined): void {
  if (value === undefined || value === null) return;
  if (isDocument(value) && (value.size === 0 || (value.size === 1 && value.get("locale") === "simple")))
    return;
  throw new CommandError("NotImplemented", "collation is not supported by the embedded store");
}

/** Throws MaxTimeMSExpired once the command's time is over. */
export function checkDeadline(context: { deadline: number }): void {
  if (performance.now() > context.deadline) {
    throw new CommandError("MaxTimeMSExpired", "operation exceeded time limit");
  }
}
