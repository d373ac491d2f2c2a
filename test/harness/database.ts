import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MongoClient, type Db } from "mongodb";
import { startEmbeddedMongo } from "@rciots/embedded-mongo";

/** A database of its own for one file of tests. */
export interface TestDatabase {
  uri: string;
  /** The same database without models and their checks. */
  db: Db;
  /** Drops it and ends what was started for it. */
  stop(): Promise<void>;
}

/** The embedded store in a folder of its own. */
export async function startEmbeddedDatabase(): Promise<TestDatabase> {
  const folder = await mkdtemp(join(tmpdir(), "rciots-db-"));
  const embedded = await startEmbeddedMongo({ dataDir: folder });
  const client = await new MongoClient(embedded.uri).connect();
  return {
    uri: embedded.uri,
    db: client.db(),
    async stop() {
      await client.close();
      await embedded.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A new database on the server of a connection string, which may name another one. */
export async function startServerDatabase(serverUri: string): Promise<TestDatabase> {
  const uri = withDatabase(serverUri, `rciots_test_${randomBytes(6).toString("hex")}`);
  const client = await new MongoClient(uri, { serverSelectionTimeoutMS: 10_000 }).connect();
  return {
    uri,
    db: client.db(),
    async stop() {
      await client.db().dropDatabase();
      await client.close();
    },
  };
}

/** Replaces the database of a connection string; who logs in there still does so against the first one. */
export function withDatabase(uri: string, name: string): string {
  const [, server, database = "", query = ""] =
    /^(mongodb(?:\+srv)?:\/\/[^/?]+)(?:\/([^?]*))?(?:\?(.*))?$/.exec(uri) ?? [];
  if (server === undefined) throw new Error("This is no MongoDB connection string.");
  const parameters = new URLSearchParams(query);
  if (server.includes("@") && database !== "" && !parameters.has("authSource"))
    parameters.set("authSource", database);
  const text = parameters.toString();
  return `${server}/${name}${text === "" ? "" : `?${text}`}`;
}

/**
 * Describes the same tests on the embedded store and, where `TEST_MONGODB_URI` names one, on a real MongoDB;
 * without it a pending test says so.
 */
export function describeOnDatabases(
  title: string,
  tests: (start: () => Promise<TestDatabase>) => void,
  serverUri = process.env["TEST_MONGODB_URI"],
): void {
  describe(`${title} on the embedded store`, () => tests(startEmbeddedDatabase));
  if (serverUri === undefined || serverUri === "") {
    it(`${title} on the MongoDB of TEST_MONGODB_URI (not set)`);
    return;
  }
  describe(`${title} on the MongoDB of TEST_MONGODB_URI`, () => tests(() => startServerDatabase(serverUri)));
}
