import { compress, decompress } from "../gzip.ts";
import { objectKey, type ObjectRef } from "../kube/cluster.ts";

/** One object that a revision applied, or was about to apply. */
export interface InventoryEntry {
  readonly ref: ObjectRef;
  /** Of the object as it was applied; absent between the intention and the first success. */
  readonly uid?: string | undefined;
  /** Of a Namespace: it did not exist before. One that did is never deleted. */
  readonly created?: boolean | undefined;
}

export type Inventory = ReadonlyMap<string, InventoryEntry>;

/** Both, where an entry of `first` fills in what `second` does not know. */
export function uniteInventories(first: Inventory, second: Inventory): Inventory {
  const united = new Map(first);
  for (const [key, entry] of second) {
    const other = first.get(key);
    united.set(key, {
      ref: entry.ref,
      uid: entry.uid ?? other?.uid,
      created: entry.created ?? other?.created,
    });
  }
  return united;
}

type Row = [apiVersion: string, kind: string, namespace: string, name: string, uid: string, created: 0 | 1];

const maxInventoryBytes = 64 * 1024 * 1024;

/** Rows rather than objects: five thousand entries must fit into one ConfigMap. */
export async function encodeInventory(inventory: Inventory): Promise<Buffer> {
  const rows = [...inventory.values()].map(({ ref, uid = "", created = false }): Row => {
    return [ref.apiVersion, ref.kind, ref.namespace ?? "", ref.name, uid, created ? 1 : 0];
  });
  return compress(JSON.stringify({ version: 1, rows }), { level: 9 });
}

/** Throws where the content is not an inventory. */
export async function decodeInventory(content: Uint8Array): Promise<Inventory> {
  const text = (await decompress(content, { maxOutputLength: maxInventoryBytes })).toString("utf8");
  const { version, rows } = JSON.parse(text) as { version: unknown; rows: unknown };
  if (version !== 1 || !Array.isArray(rows)) throw new Error("its content is not an inventory");
  const entries = rows.map(entryOf);
  return new Map(entries.map((entry) => [objectKey(entry.ref), entry]));
}

function entryOf(row: unknown): InventoryEntry {
  if (!Array.isArray(row) || !row.slice(0, 5).every((cell) => typeof cell === "string")) {
    throw new Error("its content is not an inventory");
  }
  const [apiVersion, kind, namespace, name, uid, created] = row as Row;
  const ref = namespace === "" ? { apiVersion, kind, name } : { apiVersion, kind, namespace, name };
  return { ref, uid: uid || undefined, created: created === 1 || undefined };
}
