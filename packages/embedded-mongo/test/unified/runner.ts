import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { BSON, type CommandStartedEvent, type Document, MongoClient, MongoServerError } from "mongodb";
import {
  isMet,
  type CollectionData,
  type EntitySpec,
  type ExpectedError,
  type ExpectedEvents,
  type Operation,
  type TestCase,
  type TestFile,
} from "./format.ts";
import { match, Mismatch } from "./matching.ts";
import { runOperation, UnknownOperation, type Entities } from "./operations.ts";

export type Outcome =
  | { readonly kind: "passed" }
  /** For another version or kind of server than this one. */
  | { readonly kind: "skipped"; readonly reason: string }
  /** The store said that it does not have the feature, and named it. */
  | { readonly kind: "refused"; readonly feature: string }
  | { readonly kind: "failed"; readonly reason: string };

export interface TestResult {
  readonly file: string;
  readonly test: string;
  readonly outcome: Outcome;
}

export interface RunnerOptions {
  readonly folder: string;
  readonly uri: string;
  readonly server: { version: string; topology: string };
}

/** NotImplemented and CommandNotSupported: what the store answers for features it names as missing. */
const refusalCodes = new Set([238, 115]);

/** Runs every file of the unified test format in a folder. */
export async function runFolder(options: RunnerOptions): Promise<TestResult[]> {
  const results: TestResult[] = [];
  const internal = new MongoClient(options.uri);
  try {
    for (const file of readdirSync(options.folder)
      .filter((name) => name.endsWith(".json"))
      .sort()) {
      const text = readFileSync(join(options.folder, file), "utf8");
      const content = BSON.EJSON.parse(text) as unknown as TestFile;
      await dropDatabases(content, internal);
      for (const test of content.tests) {
        results.push({
          file,
          test: test.description,
          outcome: await runTest(content, test, options, internal),
        });
      }
    }
  } finally {
    await internal.close();
  }
  return results;
}

async function runTest(
  file: TestFile,
  test: TestCase,
  options: RunnerOptions,
  internal: MongoClient,
): Promise<Outcome> {
  if (test.skipReason) return { kind: "skipped", reason: test.skipReason };
  if (!isMet(file.runOnRequirements, options.server) || !isMet(test.runOnRequirements, options.server)) {
    return { kind: "skipped", reason: "for another server version or topology" };
  }
  await loadData(internal, file.initialData ?? []);
  const entities: Entities = new Map();
  const events = new Map<string, CommandEvent[]>();
  try {
    createEntities(file, options.uri, entities, events);
    for (const operation of test.operations) await checkOperation(operation, entities);
    for (const expected of test.expectEvents ?? [])
      checkEvents(expected, events.get(expected.client) ?? [], entities);
    for (const expected of test.outcome ?? []) await checkOutcome(internal, expected);
    return { kind: "passed" };
  } catch (error) {
    return outcomeOf(error);
  } finally {
    await internal.db("admin").command({ configureFailPoint: "failCommand", mode: "off" });
    for (const entity of entities.values()) if (entity instanceof MongoClient) await entity.close();
  }
}

function outcomeOf(error: unknown): Outcome {
  const cause = error instanceof UnexpectedError ? error.found : error;
  if (cause instanceof MongoServerError && refusalCodes.has(Number(cause.code)))
    return { kind: "refused", feature: cause.message };
  if (error instanceof UnknownOperation)
    return { kind: "failed", reason: `the runner has no operation ${error.message}` };
  return { kind: "failed", reason: error instanceof Error ? error.message : String(error) };
}

/** Files use the same names; one must not see what another one left. */
async function dropDatabases(file: TestFile, client: MongoClient): Promise<void> {
  for (const entry of file.createEntities ?? []) {
    for (const spec of Object.values(entry)) {
      if (spec.databaseName !== undefined && spec.databaseName !== "admin")
        await client.db(spec.databaseName).dropDatabase();
    }
  }
}

/** Every test starts from the same data; majority, as the format asks. */
async function loadData(client: MongoClient, data: readonly CollectionData[]): Promise<void> {
  for (const { databaseName, collectionName, documents } of data) {
    const db = client.db(databaseName, { writeConcern: { w: "majority" } });
    await db.dropCollection(collectionName);
    if (documents.length > 0) await db.collection(collectionName).insertMany(documents);
    else await db.createCollection(collectionName);
  }
}

interface CommandEvent {
  readonly kind: string;
  readonly commandName: string;
  readonly databaseName?: string | undefined;
  readonly command?: Document;
  readonly reply?: unknown;
}

const hiddenCommands = new Set(["hello", "ismaster", "isMaster", "configureFailPoint"]);

function createEntities(
  file: TestFile,
  uri: string,
  entities: Entities,
  events: Map<string, CommandEvent[]>,
): void {
  for (const entry of file.createEntities ?? []) {
    for (const [kind, spec] of Object.entries(entry))
      entities.set(spec.id, createEntity(kind, spec, uri, entities, events));
  }
}

function createEntity(
  kind: string,
  spec: EntitySpec,
  uri: string,
  entities: Entities,
  events: Map<string, CommandEvent[]>,
): unknown {
  switch (kind) {
    case "client":
      return createClient(spec, uri, events);
    case "database":
      return (entities.get(spec.client ?? "") as MongoClient).db(spec.databaseName, spec.databaseOptions);
    case "collection":
      return (entities.get(spec.database ?? "") as ReturnType<MongoClient["db"]>).collection(
        spec.collectionName ?? "",
        spec.collectionOptions,
      );
    case "session":
      return (entities.get(spec.client ?? "") as MongoClient).startSession(spec.sessionOptions);
    default:
      throw new UnknownOperation(`entity ${kind}`);
  }
}

function createClient(spec: EntitySpec, uri: string, events: Map<string, CommandEvent[]>): MongoClient {
  const client = new MongoClient(withOptions(uri, spec.uriOptions ?? {}), { monitorCommands: true });
  const seen: CommandEvent[] = [];
  events.set(spec.id, seen);
  const observed = new Set(spec.observeEvents);
  const ignored = new Set([...hiddenCommands, ...(spec.ignoreCommandMonitoringEvents ?? [])]);
  const note = (kind: string, event: CommandEvent): void => {
    if (observed.has(kind) && !ignored.has(event.commandName)) seen.push({ ...event, kind });
  };
  client.on("commandStarted", (event: CommandStartedEvent) =>
    note("commandStartedEvent", {
      kind: "",
      commandName: event.commandName,
      databaseName: event.databaseName,
      command: event.command,
    }),
  );
  client.on("commandSucceeded", (event) =>
    note("commandSucceededEvent", {
      kind: "",
      commandName: event.commandName,
      databaseName: event.databaseName,
      reply: event.reply,
    }),
  );
  client.on("commandFailed", (event) =>
    note("commandFailedEvent", {
      kind: "",
      commandName: event.commandName,
      databaseName: event.databaseName,
    }),
  );
  return client;
}

function withOptions(uri: string, options: Record<string, unknown>): string {
  const pairs = Object.entries(options).map(
    ([name, value]) => `&${name}=${encodeURIComponent(String(value))}`,
  );
  return uri + pairs.join("");
}

class UnexpectedError extends Error {
  readonly found: unknown;

  constructor(operation: string, found: unknown) {
    super(`${operation} failed: ${found instanceof Error ? found.message : String(found)}`);
    this.found = found;
  }
}

async function checkOperation(operation: Operation, entities: Entities): Promise<void> {
  let result: unknown;
  try {
    result = await runOperation(operation, entities);
  } catch (error) {
    if (error instanceof UnknownOperation) throw error;
    if (operation.ignoreResultAndError) return;
    if (!operation.expectError) throw new UnexpectedError(operation.name, error);
    return checkError(operation.expectError, error, entities);
  }
  if (operation.ignoreResultAndError) return;
  if (operation.expectError) throw new Mismatch(`${operation.name} succeeded, an error was expected`);
  if (operation.expectResult !== undefined)
    match(operation.expectResult, asResult(operation, result), { entities, rootExtras: true });
  if (operation.saveResultAsEntity) entities.set(operation.saveResultAsEntity, result);
}

/** The format leaves fields of results out where they mean nothing; the driver has them as null. */
function asResult(operation: Operation, result: unknown): unknown {
  if (operation.name === "insertOne" && typeof result === "object" && result !== null) return { ...result };
  if (operation.name === "clientBulkWrite" && typeof result === "object" && result !== null)
    return { ...result };
  return result;
}

interface DriverError extends Error {
  readonly code?: number | string;
  readonly codeName?: string;
  readonly errorLabels?: readonly string[];
  readonly result?: unknown;
  readonly partialResult?: unknown;
  readonly errorResponse?: Document;
  hasErrorLabel?(label: string): boolean;
}

function checkError(expected: ExpectedError, found: unknown, entities: Entities): void {
  const error = found as DriverError;
  const refused = error instanceof MongoServerError && refusalCodes.has(Number(error.code));
  if (refused && expected.errorCode === undefined) throw new UnexpectedError("the operation", error);
  if (expected.isClientError && error instanceof MongoServerError)
    throw new Mismatch(`expected an error of the client, found ${error.message}`);
  if (expected.isClientError === false && !(error instanceof MongoServerError))
    throw new Mismatch(`expected an error of the server, found ${error.message}`);
  if (
    expected.errorContains !== undefined &&
    !error.message.toLowerCase().includes(expected.errorContains.toLowerCase())
  ) {
    throw new Mismatch(`expected an error with '${expected.errorContains}', found '${error.message}'`);
  }
  if (expected.errorCode !== undefined && Number(error.code) !== expected.errorCode)
    throw new Mismatch(`expected code ${expected.errorCode}, found ${String(error.code)}: ${error.message}`);
  if (expected.errorCodeName !== undefined && error.codeName !== expected.errorCodeName)
    throw new Mismatch(`expected ${expected.errorCodeName}, found ${error.codeName}`);
  for (const label of expected.errorLabelsContain ?? [])
    if (!error.hasErrorLabel?.(label)) throw new Mismatch(`the error lacks the label ${label}`);
  for (const label of expected.errorLabelsOmit ?? [])
    if (error.hasErrorLabel?.(label)) throw new Mismatch(`the error has the label ${label}`);
  if (expected.errorResponse !== undefined)
    match(expected.errorResponse, error.errorResponse, { entities, rootExtras: true }, "errorResponse");
  if (expected.expectResult !== undefined)
    match(expected.expectResult, error.result ?? error.partialResult, { entities, rootExtras: true });
}

function checkEvents(expected: ExpectedEvents, found: readonly CommandEvent[], entities: Entities): void {
  if ((expected.eventType ?? "command") !== "command")
    throw new UnknownOperation(`events of type ${expected.eventType}`);
  if (
    expected.ignoreExtraEvents
      ? found.length < expected.events.length
      : found.length !== expected.events.length
  ) {
    throw new Mismatch(
      `expected ${expected.events.length} events, found ${found.map((event) => event.commandName).join(", ")}`,
    );
  }
  expected.events.forEach((entry, at) => {
    const [[kind, wanted]] = Object.entries(entry) as [[string, Record<string, unknown>]];
    const event = found[at] as CommandEvent;
    if (event.kind !== kind) throw new Mismatch(`event ${at}: expected ${kind}, found ${event.kind}`);
    for (const field of ["commandName", "databaseName"] as const) {
      if (wanted[field] !== undefined && wanted[field] !== event[field])
        throw new Mismatch(`event ${at}: ${field} is ${String(event[field])}`);
    }
    if (wanted["command"] !== undefined)
      match(wanted["command"], event.command, { entities, rootExtras: true }, `event ${at}`);
    if (wanted["reply"] !== undefined)
      match(wanted["reply"], event.reply, { entities, rootExtras: true }, `event ${at}`);
  });
}

async function checkOutcome(client: MongoClient, expected: CollectionData): Promise<void> {
  const collection = client.db(expected.databaseName).collection(expected.collectionName);
  const documents = await collection.find({}, { sort: { _id: 1 } }).toArray();
  match(expected.documents, documents, { entities: new Map(), rootExtras: false }, expected.collectionName);
}
