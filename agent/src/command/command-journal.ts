import type { DeviceRequest } from "@rciots/protocol";
import { errorMessage, type Logger } from "@rciots/runtime";
import type { StateStore } from "../reconcile/state-store.ts";

export type CommandEnd = DeviceRequest<"command:end">;

/** What the device remembers of a command, over its own death. */
export interface JournalEntry {
  id: string;
  startedAt: string;
  /** Absent: it had not ended. */
  end?: CommandEnd;
  /** When the platform had it all; kept on for a while, so that a late start does not run it again. */
  settledAt?: number;
}

const rememberMs = 86_400_000;
const maxRemembered = 1_000;

/** Written before anything is run: of a command that is in here only the end can come. */
export function createCommandJournal({
  store,
  logger,
  now = Date.now,
}: {
  store: StateStore;
  logger: Logger;
  now?: () => number;
}) {
  const entries = new Map<string, JournalEntry>();
  const nameOf = (id: string): string => id.toLowerCase().replace("_", "-");

  async function save(entry: JournalEntry): Promise<void> {
    entries.set(entry.id, entry);
    await store.write(nameOf(entry.id), Buffer.from(JSON.stringify(entry)));
  }

  async function sweep(): Promise<void> {
    const settled = [...entries.values()].filter(({ settledAt }) => settledAt !== undefined);
    const old = settled.filter(({ settledAt = 0 }) => now() - settledAt > rememberMs);
    const over = settled.slice(0, Math.max(0, settled.length - maxRemembered));
    for (const { id } of new Set([...old, ...over])) {
      entries.delete(id);
      await store.remove(nameOf(id));
    }
  }

  async function readOne(name: string): Promise<void> {
    try {
      const entry = JSON.parse(String(await store.read(name))) as JournalEntry;
      entries.set(entry.id, entry);
    } catch (error) {
      logger.error({ name, error: errorMessage(error) }, "a command's record can't be read");
      await store.setAside(name);
    }
  }

  return {
    /** Commands of an earlier life of the agent that the platform has not heard the end of. */
    async load(): Promise<JournalEntry[]> {
      for (const name of (await store.list()).sort()) await readOne(name);
      await sweep();
      return [...entries.values()].filter(({ settledAt }) => settledAt === undefined);
    },
    knows: (id: string): boolean => entries.has(id),
    async begin(id: string, startedAt: string): Promise<void> {
      await save({ id, startedAt });
      await sweep();
    },
    async end(end: CommandEnd): Promise<void> {
      const { startedAt } = entries.get(end.id) ?? { startedAt: end.finishedAt };
      await save({ id: end.id, startedAt, end });
    },
    async settle(id: string): Promise<void> {
      const entry = entries.get(id);
      if (entry !== undefined) await save({ id, startedAt: entry.startedAt, settledAt: now() });
    },
    async forgetAll(): Promise<void> {
      for (const id of entries.keys()) await store.remove(nameOf(id));
      entries.clear();
    },
  };
}
