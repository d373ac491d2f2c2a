import type { Models } from "./models.ts";

type EventCollection = Models["events" | "connectionEvents"]["collection"];

const indexName = "at_1";

function hasCode(error: unknown, code: number): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
const namespaceNotFound = 26;
const indexNotFound = 27;

async function expirySeconds(events: EventCollection): Promise<number | undefined> {
  const indexes = await events.indexes().catch((error: unknown) => {
    if (hasCode(error, namespaceNotFound)) return [];
    throw error;
  });
  return indexes.find(({ name }) => name === indexName)?.expireAfterSeconds;
}

/** Has events deleted when they are this old. An index is made anew where it has another span: that can't be changed. */
export async function expireEvents(events: EventCollection, retentionMs: number): Promise<void> {
  const expireAfterSeconds = Math.floor(retentionMs / 1_000);
  const current = await expirySeconds(events);
  if (current === expireAfterSeconds) return;
  if (current !== undefined) {
    // Another replica that starts with the same setting may have been faster.
    await events.dropIndex(indexName).catch((error: unknown) => {
      if (!hasCode(error, indexNotFound)) throw error;
    });
  }
  await events.createIndex({ at: 1 }, { name: indexName, expireAfterSeconds });
}
