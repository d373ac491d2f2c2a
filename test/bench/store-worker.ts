import { startEmbeddedMongo, type EmbeddedMongo } from "@rciots/embedded-mongo";
import { serveCalls } from "./child-worker.ts";

/** The embedded store in a process of its own, so that its memory isn't counted as the platform's. */
let store: EmbeddedMongo | undefined;

const calls = {
  async start({ dataDir }: { dataDir: string }) {
    store = await startEmbeddedMongo({ dataDir, dbName: "rciots" });
    return store.uri;
  },
  async stop() {
    await store?.stop();
    setImmediate(() => process.exit(0));
  },
};
export type StoreCalls = typeof calls;

serveCalls(calls);
