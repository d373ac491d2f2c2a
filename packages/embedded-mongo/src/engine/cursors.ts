import { randomBytes } from "node:crypto";
import { Long } from "mongodb";
import { RawDocument, type Document, type Value } from "../bson/values.ts";
import { CommandError } from "../errors.ts";
import type { Encoder } from "../bson/encode.ts";
import type { Transaction } from "./transactions.ts";

/** Bytes of documents in one answer, as MongoDB limits it. */
const MAX_BATCH_BYTES = 16 * 1024 * 1024;
const IDLE_MS = 10 * 60_000;
const MAX_CURSORS = 5000;

export type ResultDocument = Document | RawDocument;

interface Cursor {
  /** Zero until the cursor outlives its first answer. */
  id: bigint;
  readonly ns: string;
  readonly transaction: Transaction | undefined;
  readonly results: Iterator<ResultDocument>;
  /** A document that was read and did not go into the last batch. */
  ahead: RawDocument | undefined;
  usedAt: number;
}

export interface Cursors {
  /** Answers the first batch; keeps a cursor when there is more. `size` undefined means as many as fit. */
  open(options: {
    ns: string;
    results: Iterator<ResultDocument>;
    size: number | undefined;
    single: boolean;
    transaction: Transaction | undefined;
  }): Document;
  more(id: Long, ns: string, size: number | undefined, transaction: Transaction | undefined): Document;
  /** Returns the ids there were and the ids there were not. */
  kill(ids: readonly Long[]): { killed: Long[]; unknown: Long[] };
  endIdle(now: number): number;
  endOf(transaction: Transaction): void;
}

/** Cursors hold the place of a scan, not its results: what is read is what the next batch needs. */
export function createCursors(encoder: Encoder): Cursors {
  const cursors = new Map<bigint, Cursor>();

  const fill = (cursor: Cursor, size: number | undefined): { batch: Value[]; done: boolean } => {
    const batch: Value[] = [];
    let bytes = 0;
    for (;;) {
      if (size === 0) return { batch, done: false };
      const next = cursor.ahead ?? toRaw(cursor.results.next(), encoder);
      cursor.ahead = undefined;
      if (!next) return { batch, done: true };
      if (batch.length === size || (batch.length > 0 && bytes + next.bytes.length > MAX_BATCH_BYTES)) {
        cursor.ahead = next;
        return { batch, done: false };
      }
      batch.push(next);
      bytes += next.bytes.length;
    }
  };

  const answer = (cursor: Cursor, field: string, batch: Value[], done: boolean): Document => {
    cursor.usedAt = Date.now();
    const id = done ? Long.ZERO : Long.fromBigInt(cursor.id);
    return new Map<string, Value>([
      [
        "cursor",
        new Map<string, Value>([
          [field, batch],
          ["id", id],
          ["ns", cursor.ns],
        ]),
      ],
      ["ok", 1],
    ]);
  };

  return {
    open: ({ ns, results, size, single, transaction }) => {
      const cursor: Cursor = { id: 0n, ns, transaction, results, ahead: undefined, usedAt: 0 };
      const { batch, done } = fill(cursor, size);
      if (!done && !single) {
        cursor.id = randomId();
        if (cursors.size >= MAX_CURSORS)
          throw new CommandError("ExceededMemoryLimit", `more than ${MAX_CURSORS} cursors are open`);
        cursors.set(cursor.id, cursor);
      }
      return answer(cursor, "firstBatch", batch, done || single);
    },
    more: (id, ns, size, transaction) => {
      const cursor = cursors.get(id.toBigInt());
      if (!cursor) throw new CommandError("CursorNotFound", `cursor id ${id.toString()} not found`);
      if (cursor.ns !== ns) {
        throw new CommandError(
          "Unauthorized",
          `Requested getMore on namespace '${ns}', but cursor belongs to a different namespace ${cursor.ns}`,
        );
      }
      if (cursor.transaction !== transaction) {
        throw new CommandError(
          50741,
          `Cannot run getMore on cursor ${id.toString()}, which was created in another transaction or outside of it`,
        );
      }
      try {
        const { batch, done } = fill(cursor, size);
        if (done) cursors.delete(cursor.id);
        return answer(cursor, "nextBatch", batch, done);
      } catch (error) {
        cursors.delete(cursor.id);
        throw error;
      }
    },
    kill: (ids) => {
      const killed = ids.filter((id) => cursors.delete(id.toBigInt()));
      return { killed, unknown: ids.filter((id) => !killed.includes(id)) };
    },
    endIdle: (now) => {
      const idle = [...cursors.values()].filter((cursor) => now - cursor.usedAt > IDLE_MS);
      for (const cursor of idle) cursors.delete(cursor.id);
      return idle.length;
    },
    endOf: (transaction) => {
      for (const cursor of cursors.values())
        if (cursor.transaction === transaction) cursors.delete(cursor.id);
    },
  };
}

function toRaw(result: IteratorResult<ResultDocument>, encoder: Encoder): RawDocument | undefined {
  if (result.done) return undefined;
  const { value } = result;
  return value instanceof RawDocument ? value : new RawDocument(encoder.encode(value));
}

/** Positive, never zero, not to be guessed. */
function randomId(): bigint {
  return (randomBytes(8).readBigUInt64LE() >> 1n) | 1n;
}
