import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { BSON } from "mongodb";
import type { Encoder } from "../bson/encode.ts";
import { documentOf, type Document } from "../bson/values.ts";
import type { Catalog, Collection } from "./catalog.ts";
import type { Connection, Database } from "./database.ts";
import { EmbeddedMongoError } from "../errors.ts";
import { scanRows, type View } from "./scan.ts";

/** Documents written between two turns of the event loop, so that clients are served meanwhile. */
const DOCUMENTS_PER_TURN = 500;
/** File names have 255 bytes at most on the usual file systems. */
const MAX_NAME_BYTES = 240;

export interface ExportSource {
  readonly catalog: Catalog;
  readonly database: Database;
  readonly encoder: Encoder;
}

/**
 * Writes all databases as mongodump does, for mongorestore: `<db>/<collection>.bson` with the documents one after
 * another, and `<collection>.metadata.json` with the indexes. All of it is one snapshot. The folder must not
 * exist yet; it gets its name when it is whole. Throws EmbeddedMongoError EXPORT_EXISTS or EXPORT_NAME.
 */
export async function exportDump(source: ExportSource, folder: string): Promise<void> {
  if (existsSync(folder))
    throw new EmbeddedMongoError("EXPORT_EXISTS", `the folder ${folder} exists already`);
  const partial = `${folder}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true, mode: 0o700 });
  const snapshot = source.database.openSnapshot();
  try {
    for (const collection of [...source.catalog.list()])
      await exportCollection(source, snapshot, collection, partial);
    renameSync(partial, folder);
  } finally {
    snapshot.close();
    rmSync(partial, { recursive: true, force: true });
  }
}

async function exportCollection(
  { encoder }: ExportSource,
  connection: Connection,
  collection: Collection,
  folder: string,
): Promise<void> {
  const database = join(folder, fileName(collection.db));
  mkdirSync(database, { recursive: true, mode: 0o700 });
  const base = join(database, fileName(collection.name));
  writeFileSync(`${base}.metadata.json`, metadata(encoder, collection), { mode: 0o600 });
  const view: View = { connection, snapshot: Infinity, overlay: () => undefined };
  const file = openSync(`${base}.bson`, "wx", 0o600);
  try {
    let written = 0;
    const stats = { keysExamined: 0, docsExamined: 0 };
    // The table stays in the snapshot when the collection is dropped meanwhile.
    const lasting = { ...collection, dropped: false };
    for (const { bytes } of scanRows(view, lasting, { kind: "collection", reverse: false }, stats)) {
      writeSync(file, bytes);
      if (++written % DOCUMENTS_PER_TURN === 0) await nextTurn();
    }
  } finally {
    closeSync(file);
  }
}

/** Names become file names as mongodump escapes them: by percent signs. */
function fileName(name: string): string {
  const escaped = encodeURIComponent(name).replace(/^\./, "%2E");
  if (escaped.length > MAX_NAME_BYTES)
    throw new EmbeddedMongoError("EXPORT_NAME", `${name} is too long for a file's name`);
  return escaped;
}

function metadata(encoder: Encoder, collection: Collection): string {
  const idIndex: Document = documentOf({ v: 2, key: documentOf({ _id: 1 }), name: "_id_" });
  const description = documentOf({
    indexes: [idIndex, ...collection.indexes.map((index) => index.spec)],
    collectionName: collection.name,
    type: "collection",
    options: new Map(),
  });
  const plain = BSON.deserialize(encoder.encode(description), { promoteValues: false });
  const uuid = Buffer.from(collection.uuid).toString("hex");
  return BSON.EJSON.stringify({ ...plain, uuid }, { relaxed: false });
}
