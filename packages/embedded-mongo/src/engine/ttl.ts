import { compileFilter } from "../query/filter.ts";
import { decodeFields } from "../bson/decode.ts";
import type { Catalog, Collection, Index } from "../storage/catalog.ts";
import type { Connection } from "../storage/database.ts";
import { planQuery } from "../storage/planner.ts";
import { scanRows, type View } from "../storage/scan.ts";
import { WaitForTransaction, type DocumentWriter } from "./writer.ts";

/** Documents deleted by one sweep of one index, so that clients never wait long for it. */
const MAX_PER_SWEEP = 5000;

/** Deletes documents whose date, or earliest date of an array, is older than their TTL index allows. */
export function sweepExpired(options: {
  catalog: Catalog;
  connection: Connection;
  writer: DocumentWriter;
  now: number;
}): number {
  const { catalog, connection, writer, now } = options;
  const view: View = { connection, snapshot: Infinity, overlay: () => undefined };
  let deleted = 0;
  for (const collection of catalog.list()) {
    for (const index of collection.indexes) {
      if (index.expireAfterSeconds === undefined) continue;
      const cutoff = new Date(now - index.expireAfterSeconds * 1000);
      deleted += sweepIndex(view, writer, collection, index, cutoff);
    }
  }
  return deleted;
}

function sweepIndex(
  view: View,
  writer: DocumentWriter,
  collection: Collection,
  index: Index,
  cutoff: Date,
): number {
  const field = index.fields[0]?.name as string;
  const filter = compileFilter(
    new Map([[field, new Map([["$lte", cutoff]])], ...(index.partialSource ?? [])]),
  );
  const { plan } = planQuery({ collection, filter, sort: [], hint: index.name });
  const stats = { keysExamined: 0, docsExamined: 0 };
  const expired = [];
  for (const row of scanRows(view, collection, plan, stats)) {
    if (expired.length >= MAX_PER_SWEEP) break;
    if (!filter.fields || filter.matches(decodeFields(row.bytes, filter.fields))) expired.push(row);
  }
  return expired.filter((row) => {
    try {
      writer.claim(collection, [row.rid]);
    } catch (error) {
      // A transaction holds it: the next sweep comes back to it.
      if (error instanceof WaitForTransaction) return false;
      throw error;
    }
    writer.remove(collection, row);
    return true;
  }).length;
}
