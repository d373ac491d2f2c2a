import { CommandError } from "../errors.ts";
import type { Collection } from "../storage/catalog.ts";

/** Names one document for the whole run of the process. */
type DocumentKey = string;

export interface ConflictRegistry {
  /** Takes a document for a transaction. Throws WriteConflict when another one has it or it changed since. */
  lock(owner: object, collection: Collection, rid: number, snapshot: number): void;
  /** The transaction that has changed this document and is still open. */
  ownerOf(collection: Collection, rid: number): object | undefined;
  /** Notes that the commit under way changes this document. */
  touched(collection: Collection, rid: number): void;
  release(owner: object): void;
  /** Called as transactions begin and end. */
  setOpenTransactions(count: number): void;
  /** Called after each commit. Notes of it are of use only to transactions that were open before. */
  committed(): void;
}

export function writeConflict(
  reason = "Write conflict during plan execution and yielding is disabled.",
): CommandError {
  return new CommandError("WriteConflict", `Caused by :: ${reason}`, {
    labels: ["TransientTransactionError"],
  });
}

/**
 * First writer wins, as in MongoDB: a transaction that meets a document changed since its snapshot, or held by
 * another transaction, is told to start over.
 */
export function createConflictRegistry(currentCommit: () => number): ConflictRegistry {
  const owners = new Map<DocumentKey, object>();
  const changedIn = new Map<DocumentKey, number>();
  let open = 0;
  const keyOf = (collection: Collection, rid: number): DocumentKey => `${collection.id}:${rid}`;
  return {
    lock: (owner, collection, rid, snapshot) => {
      const key = keyOf(collection, rid);
      const holder = owners.get(key);
      if (holder === owner) return;
      if (holder || (changedIn.get(key) ?? 0) > snapshot) throw writeConflict();
      owners.set(key, owner);
    },
    ownerOf: (collection, rid) => (open === 0 ? undefined : owners.get(keyOf(collection, rid))),
    touched: (collection, rid) => {
      // Also without an open transaction: one that begins in this round reads the commit before.
      changedIn.set(keyOf(collection, rid), currentCommit());
    },
    release: (owner) => {
      for (const [key, holder] of owners) if (holder === owner) owners.delete(key);
    },
    setOpenTransactions: (count) => {
      open = count;
    },
    committed: () => {
      if (open === 0) changedIn.clear();
    },
  };
}
