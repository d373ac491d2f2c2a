import { existsSync } from "node:fs";
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import type { Db, Document } from "mongodb";
import { CommandError, type CommandContext } from "../command.ts";
import { passphraseOf, requireNoOtherKeys, withEmptyDatabase, writeKeys } from "./installation.ts";
import {
  BrokenBackupError,
  decodeRecords,
  documentOf,
  type BackupFacts,
  type BackupRecord,
} from "./records.ts";
import { openSealed, SealedFileError } from "./sealed-file.ts";

const batchSize = 500;

async function* recordsIn(path: string, passphrase: string): AsyncGenerator<BackupRecord> {
  const plain = Readable.from(openSealed(path, passphrase));
  const unzipped = createGunzip();
  plain.on("error", (error) => unzipped.destroy(error));
  yield* decodeRecords(plain.pipe(unzipped) as AsyncIterable<Buffer>);
}

/** Reads all of it before anything is changed. */
async function verify(path: string, passphrase: string): Promise<BackupFacts> {
  let facts: BackupFacts | undefined;
  let isWhole = false;
  for await (const record of recordsIn(path, passphrase)) {
    if (record.kind === "facts") facts = record.facts;
    isWhole = record.kind === "end";
  }
  if (facts === undefined || !isWhole) throw new BrokenBackupError("The backup ends in the middle.");
  return facts;
}

async function createIndexes(db: Db, name: string, indexes: Document[]): Promise<void> {
  for (const { key, v: _v, ns: _ns, ...options } of indexes as (Document & { key: Document })[])
    await db.collection(name).createIndex(key, options);
}

/** Nobody is connected to an installation that has not run yet. */
async function forgetPresence(db: Db): Promise<void> {
  await db.collection("devices").updateMany(
    { "presence.online": true },
    {
      $set: {
        "presence.online": false,
        "presence.connectorId": null,
        "presence.sessionId": null,
        "presence.since": new Date(),
      },
    },
  );
}

async function fill(
  db: Db,
  records: AsyncIterable<BackupRecord>,
  onCollection: (name: string, count: number) => void,
): Promise<void> {
  let current = "";
  let batch: Document[] = [];
  const counts: Record<string, number> = {};

  async function flush(): Promise<void> {
    if (batch.length > 0) await db.collection(current).insertMany(batch, { ordered: false });
    batch = [];
  }
  for await (const record of records) {
    if (record.kind === "document") {
      batch.push(documentOf(record.bytes));
      counts[current] = (counts[current] ?? 0) + 1;
      if (batch.length >= batchSize) await flush();
    } else if (record.kind === "collection") {
      await flush();
      current = record.name;
      counts[current] = 0;
      await db.createCollection(current);
      await createIndexes(db, current, record.indexes);
    } else if (record.kind === "end") {
      await flush();
      for (const [name, count] of Object.entries(record.counts)) {
        const there = await db.collection(name).countDocuments();
        if (count !== counts[name] || there !== count)
          throw new Error(`${name} did not arrive whole: ${there} of ${count} documents.`);
        onCollection(name, there);
      }
    }
  }
  await forgetPresence(db);
}

/** Makes an empty installation the one that was backed up: its data and its keys. */
export async function restoreCommand(
  { dataDir, from }: { dataDir: string; from: string },
  { say, env }: CommandContext,
): Promise<void> {
  const passphrase = passphraseOf(env);
  if (!existsSync(from)) throw new CommandError(`There is no file ${from}.`);
  try {
    const { keys, settings, createdAt } = await verify(from, passphrase);
    await requireNoOtherKeys(keys, env, dataDir);
    await withEmptyDatabase(env, dataDir, (db) =>
      fill(db, recordsIn(from, passphrase), (name, count) =>
        say(`  ${name.padEnd(20)} ${String(count).padStart(9)} documents`),
      ),
    );
    await writeKeys(keys, dataDir);
    say(`Restored what there was at ${createdAt}. The platform's keys are in ${dataDir}/keys.`);
    const known = Object.entries(settings).map(([name, value]) => `  ${name}=${value}`);
    if (known.length > 0)
      say(["Devices and people knew the installation by these settings:", ...known].join("\n"));
  } catch (error) {
    const isTold = error instanceof SealedFileError || error instanceof BrokenBackupError;
    throw isTold ? new CommandError(error.message) : error;
  }
}
