import assert from "node:assert/strict";
import { createStore, type Store } from "../src/index.ts";
import { describeOnDatabases, type TestDatabase } from "../../../test/harness/database.ts";

export type RepositoryName = Exclude<keyof Store, "ping" | "close">;

/** Which file of this folder tests a repository; a repository that is added does not compile without an entry. */
export const testedIn: Record<RepositoryName, string> = {
  accounts: "accounts",
  accountLinks: "account-links",
  secondFactors: "account-links",
  organizations: "accounts",
  invitations: "invitations",
  userDirectory: "directory",
  leases: "platform",
  platformValues: "platform",
  events: "platform",
  provisioningTokens: "platform",
  authorities: "authorities",
  certificates: "authorities",
  signingRequests: "authorities",
  blobs: "content",
  content: "content",
  secrets: "content",
  templates: "content",
  devices: "devices",
  deviceEnrollment: "devices",
  fleetSamples: "platform",
  deviceRevisions: "sessions",
  deviceSessions: "sessions",
  tunnels: "tunnels",
  webTunnels: "web-tunnels",
  commandReports: "commands",
  commandRuns: "commands",
  commandSwitches: "commands",
  scripts: "commands",
};

/** What the tests of one file share; ready when its first test begins. */
export interface Context {
  readonly store: Store;
  /** The database itself, to look at and to damage. */
  readonly database: TestDatabase;
}

/** The repositories, and a note of each function that is called. */
function recorded(store: Store, called: Set<string>): Store {
  const record = (name: string, repository: object): object =>
    new Proxy(repository, {
      get(target, key, receiver) {
        called.add(`${name}.${String(key)}`);
        return Reflect.get(target, key, receiver) as unknown;
      },
    });
  const entries = Object.entries(store).map(([name, value]) => [
    name,
    typeof value === "function" ? value : record(name, value),
  ]);
  return Object.fromEntries(entries) as Store;
}

const methodsOf = (store: Store, file: string): string[] =>
  Object.entries(testedIn)
    .filter(([, testFile]) => testFile === file)
    .flatMap(([name]) => Object.keys(store[name as RepositoryName]).map((method) => `${name}.${method}`));

/** Describes the tests of one file on every database; at the end none of its repositories' methods may be left out. */
export function describeStore(file: string, tests: (context: Context) => void): void {
  describeOnDatabases(`store: ${file}`, (start) => {
    const called = new Set<string>();
    let database: TestDatabase | undefined;
    let plain: Store | undefined;
    let store: Store | undefined;

    before(async function () {
      this.timeout(60_000);
      database = await start();
      plain = await createStore({ uri: database.uri });
      store = recorded(plain, called);
    });
    after(async function () {
      this.timeout(30_000);
      await plain?.close();
      await database?.stop();
    });

    tests({
      get store() {
        assert.ok(store);
        return store;
      },
      get database() {
        assert.ok(database);
        return database;
      },
    });

    // Described, because mocha runs a block's own tests before the blocks within it.
    describe("when all of that has run", () => {
      it("has left no method of these repositories out", () => {
        assert.ok(plain);
        assert.deepEqual(
          methodsOf(plain, file).filter((method) => !called.has(method)),
          [],
        );
      });
    });
  });
}
