import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEmbeddedMongo, type EmbeddedMongo, type EmbeddedMongoOptions } from "../src/index.ts";

export interface TestStore {
  readonly mongo: EmbeddedMongo;
  readonly dataDir: string;
  /** What the store has logged as errors; a test that expects none asserts on it. */
  readonly errors: string[];
  /** Stops the store and removes its folder. */
  remove(): Promise<void>;
}

export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), "em-"));
}

/** A store on a folder of its own. */
export async function startStore(options: Partial<EmbeddedMongoOptions> = {}): Promise<TestStore> {
  const dataDir = options.dataDir ?? temporaryFolder();
  const errors: string[] = [];
  const logger = { debug: () => undefined, error: (message: string) => void errors.push(message) };
  const mongo = await startEmbeddedMongo({ ttlIntervalMs: 3_600_000, logger, ...options, dataDir });
  return {
    mongo,
    dataDir,
    errors,
    remove: async () => {
      await mongo.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** Polls until the check passes, or fails with its last error after two seconds. */
export async function eventually(check: () => Promise<void> | void, withinMs = 2000): Promise<void> {
  const until = performance.now() + withinMs;
  for (;;) {
    try {
      await check();
      return;
    } catch (error) {
      if (performance.now() > until) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
