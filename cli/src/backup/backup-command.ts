import { createWriteStream } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import type { Db, Document } from "mongodb";
import { CommandError, type CommandContext } from "../command.ts";
import { passphraseOf, readKeys, settingsOf, withDatabase } from "./installation.ts";
import { documentRecord, encodeRecord, type BackupFacts, type BackupRecord } from "./records.ts";
import { createSealer } from "./sealed-file.ts";

const batchSize = 500;

/** Of the moment: who holds what, who is signed in. */
const leftOut = new Set(["leases", "signingRequests", "sessions"]);

/**
 * Read last, in this order: others refer to them, and they only grow. What refers to a document that was written
 * while the backup ran is then never without it.
 */
const readLast = [
  "templateVersions",
  "blobs",
  "blobChunks",
  "certificates",
  "authorities",
  "organizations",
  "platformValues",
];

const rank = (name: string): number => readLast.indexOf(name) + 1;

async function* recordsOf(
  db: Db,
  facts: BackupFacts,
  onCollection: (name: string, count: number) => void,
): AsyncGenerator<BackupRecord> {
  const counts: Record<string, number> = {};
  yield { kind: "facts", facts };
  const found = await db.listCollections({}, { nameOnly: true }).toArray();
  const names = found
    .map(({ name }) => name)
    .filter((name) => !leftOut.has(name) && !name.startsWith("system."))
    .sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
  for (const name of names) {
    const indexes: Document[] = (await db.collection(name).indexes()).filter(
      (index) => index.name !== "_id_",
    );
    yield { kind: "collection", name, indexes };
    let count = 0;
    for await (const document of db.collection(name).find({}, { batchSize })) {
      count += 1;
      yield documentRecord(document);
    }
    counts[name] = count;
    onCollection(name, count);
  }
  yield { kind: "end", counts };
}

async function* encoded(records: AsyncIterable<BackupRecord>): AsyncGenerator<Buffer> {
  for await (const record of records) yield encodeRecord(record);
}

/** Appears whole or not at all, and stays when the power goes. */
async function writeWhole(path: string, write: (draft: string) => Promise<void>): Promise<void> {
  const draft = `${path}.part`;
  try {
    await write(draft);
    const file = await open(draft, "r+");
    await file.sync();
    await file.close();
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

/** Writes the whole installation, keys and all, to one new file that only the passphrase opens. */
export async function backupCommand(
  { dataDir, out }: { dataDir: string; out: string },
  { say, env }: CommandContext,
): Promise<void> {
  const passphrase = passphraseOf(env);
  const taken = await open(out, "r").catch(() => undefined);
  await taken?.close();
  if (taken !== undefined) throw new CommandError(`${out} is there already; a backup overwrites nothing.`);
  const facts: BackupFacts = {
    createdAt: new Date().toISOString(),
    keys: await readKeys(env, dataDir),
    settings: settingsOf(env),
  };
  await withDatabase(env, dataDir, async (db) => {
    const records = recordsOf(db, facts, (name, count) =>
      say(`  ${name.padEnd(20)} ${String(count).padStart(9)} documents`),
    );
    const sealer = await createSealer(passphrase);
    await writeWhole(out, (draft) =>
      pipeline(
        Readable.from(encoded(records), { objectMode: false, highWaterMark: 1_048_576 }),
        createGzip(),
        sealer,
        createWriteStream(draft, { flags: "wx", mode: 0o600 }),
      ),
    );
  });
  say(`Backed up to ${out}, with the platform's keys. Without the passphrase nobody opens it, nor do you.`);
}
