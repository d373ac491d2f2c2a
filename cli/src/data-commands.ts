import { existsSync } from "node:fs";
import { join } from "node:path";
import {
  EmbeddedMongoError,
  restoreBackup,
  startEmbeddedMongo,
  type EmbeddedMongo,
} from "@rciots/embedded-mongo";
import { MongoClient } from "mongodb";
import { CommandError, type CommandContext } from "./command.ts";
import { copyDatabase, CopyError } from "./copy-database.ts";

const databaseName = "rciots";

async function withStore<T>(dataDir: string, work: (store: EmbeddedMongo) => Promise<T>): Promise<T> {
  const folder = join(dataDir, "store");
  if (!existsSync(folder))
    throw new CommandError(
      `There is no embedded store in ${dataDir}; --data-dir names the platform's data folder.`,
    );
  let store: EmbeddedMongo;
  try {
    store = await startEmbeddedMongo({ dataDir: folder, dbName: databaseName });
  } catch (error) {
    if (error instanceof EmbeddedMongoError && error.code === "DATA_FOLDER_IN_USE") {
      throw new CommandError(
        "The platform is running on this data; stop it first, so that nothing changes on the way.",
      );
    }
    throw error;
  }
  try {
    return await work(store);
  } finally {
    await store.stop();
  }
}

/** Copies the embedded store into the empty database that MONGODB_URI names, and compares both afterwards. */
export async function moveData(
  { dataDir }: { dataDir: string },
  { say, env }: CommandContext,
): Promise<void> {
  const uri = env["MONGODB_URI"];
  if (uri === undefined || uri === "") {
    throw new CommandError(
      "Set MONGODB_URI to where the data goes, such as mongodb://user:password@host/rciots.",
    );
  }
  await withStore(dataDir, async (store) => {
    const source = new MongoClient(store.uri);
    const target = new MongoClient(uri, { serverSelectionTimeoutMS: 10_000 });
    try {
      await target.connect().catch((error: unknown) => {
        throw new CommandError(
          `MONGODB_URI can't be reached: ${error instanceof Error ? error.message : String(error)}`,
        );
      });
      const copied = await copyDatabase({
        from: source.db(),
        to: target.db(),
        onCollection: ({ name, documentCount, indexCount }) =>
          say(`  ${name.padEnd(20)} ${String(documentCount).padStart(9)} documents, ${indexCount} indexes`),
      }).catch((error: unknown) => {
        throw error instanceof CopyError ? new CommandError(error.message) : error;
      });
      const total = copied.reduce((sum, { documentCount }) => sum + documentCount, 0);
      say(
        `Moved ${total} documents and compared them. Start the platform with MONGODB_URI set, on the same data folder: its keys stay there.`,
      );
    } finally {
      await source.close();
      await target.close();
    }
  });
}

/** Writes the embedded store to a new folder that mongorestore reads. */
export async function exportData(
  { dataDir, out }: { dataDir: string; out: string },
  { say }: CommandContext,
): Promise<void> {
  await withStore(dataDir, (store) => store.exportTo(out));
  say(`Exported to ${out}. \`mongorestore ${out}\` reads it.`);
}

/** Writes the embedded store to one new file. */
export async function backupData(
  { dataDir, out }: { dataDir: string; out: string },
  { say }: CommandContext,
): Promise<void> {
  await withStore(dataDir, (store) => store.backup(out));
  say(
    `Backed up to ${out}. Keep a copy of ${join(dataDir, "keys")} apart from it: without the keys, secrets and CA can't be opened.`,
  );
}

/** Puts a backup in the place of the embedded store. */
export async function restoreData(
  { dataDir, from }: { dataDir: string; from: string },
  { say }: CommandContext,
): Promise<void> {
  try {
    restoreBackup({ backupFile: from, dataDir: join(dataDir, "store") });
  } catch (error) {
    if (error instanceof EmbeddedMongoError) throw new CommandError(error.message);
    throw error;
  }
  say(`Restored from ${from}.`);
}
