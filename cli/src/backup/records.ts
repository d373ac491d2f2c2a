import { BSON, type Document } from "mongodb";

/** What a backup holds, in this order: facts, then each collection with its documents, then the end. */
export type BackupRecord =
  | { kind: "facts"; facts: BackupFacts }
  | { kind: "collection"; name: string; indexes: Document[] }
  | { kind: "document"; bytes: Buffer }
  | { kind: "end"; counts: Record<string, number> };

export interface BackupFacts {
  createdAt: string;
  /** As `RCIOTS_MASTER_KEY` and `RCIOTS_CA_KEY` have them. */
  keys: { master: string; ca: string };
  /** Settings of the environment that devices and people know the installation by. */
  settings: Record<string, string>;
}

const kinds = { facts: 1, collection: 2, document: 3, end: 4 } as const;
const headBytes = 5;
/** A document of MongoDB has at most 16 MiB. */
const maxRecordBytes = 17 * 1_048_576;

export class BrokenBackupError extends Error {}

export function encodeRecord(record: BackupRecord): Buffer {
  const body = record.kind === "document" ? record.bytes : Buffer.from(BSON.EJSON.stringify(record), "utf8");
  const head = Buffer.alloc(headBytes);
  head[0] = kinds[record.kind];
  head.writeUInt32BE(body.length, 1);
  return Buffer.concat([head, body]);
}

export const documentRecord = (document: Document): BackupRecord => ({
  kind: "document",
  bytes: Buffer.from(BSON.serialize(document)),
});
export const documentOf = (bytes: Buffer): Document => BSON.deserialize(bytes, { promoteValues: false });

function decode(kind: number, body: Buffer): BackupRecord {
  if (kind === kinds.document) return { kind: "document", bytes: body };
  const record = BSON.EJSON.parse(body.toString("utf8")) as BackupRecord;
  if (kinds[record.kind] !== kind) throw new BrokenBackupError("The backup holds what no backup holds.");
  return record;
}

export async function* decodeRecords(chunks: AsyncIterable<Buffer>): AsyncGenerator<BackupRecord> {
  let bytes: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
    let at = 0;
    while (bytes.length - at >= headBytes) {
      const length = bytes.readUInt32BE(at + 1);
      if (length > maxRecordBytes) throw new BrokenBackupError("The backup holds what no backup holds.");
      if (bytes.length - at < headBytes + length) break;
      yield decode(bytes[at] ?? 0, Buffer.from(bytes.subarray(at + headBytes, at + headBytes + length)));
      at += headBytes + length;
    }
    bytes = bytes.subarray(at);
  }
  if (bytes.length > 0) throw new BrokenBackupError("The backup ends in the middle.");
}
