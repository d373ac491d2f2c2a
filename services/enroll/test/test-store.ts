import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newId } from "@rciots/runtime";
import { createStore, type Store } from "@rciots/store";

export interface TestStore {
  store: Store;
  /** Another connection to the same database, as another replica has. */
  connect(): Promise<Store>;
  stop(): Promise<void>;
}

/** A store with nothing in it: the embedded one, or a database of its own in the MongoDB of `TEST_MONGODB_URI`. */
export async function startTestStore(): Promise<TestStore> {
  const folder = await mkdtemp(join(tmpdir(), "rciots-enroll-"));
  const given = process.env["TEST_MONGODB_URI"];
  const server =
    given === undefined
      ? await startEmbedded(folder)
      : { uri: withDatabase(given, newId("test")), stop: async () => undefined };
  const open: Store[] = [];
  const connect = async (): Promise<Store> => {
    const store = await createStore({ uri: server.uri });
    open.push(store);
    return store;
  };
  return {
    store: await connect(),
    connect,
    async stop() {
      for (const store of open) await store.close();
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Loaded here alone: the service itself knows its store through repositories only. */
async function startEmbedded(dataDir: string): Promise<{ uri: string; stop: () => Promise<void> }> {
  const { startEmbeddedMongo } = await import("@rciots/embedded-mongo");
  return startEmbeddedMongo({ dataDir });
}

function withDatabase(uri: string, database: string): string {
  const [address = "", query] = uri.split("?");
  return `${address.slice(0, address.lastIndexOf("/"))}/${database}${query === undefined ? "" : `?${query}`}`;
}
