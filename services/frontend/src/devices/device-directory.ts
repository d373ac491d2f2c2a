import { createLoop, type Bus, type Logger, type Loop } from "@rciots/runtime";
import type { DeviceHead, Store } from "@rciots/store";
import { createSerialQueue } from "./serial-queue.ts";
import { entryOf, matcherOf, type DeviceEntry, type DeviceQuery } from "./device-entry.ts";
import { deviceOrders, type DeviceSort } from "./device-order.ts";

const pageSize = 500;
const rereadMs = 60_000;
/** An organisation whose devices nobody asks for is forgotten. */
const forgetMs = 900_000;
/** Some 200 MB; beyond it the organisations that were not asked for the longest are forgotten. */
const maxEntries = 200_000;

/** The devices of one organisation. */
interface Fleet {
  organizationId: string;
  entries: Map<string, DeviceEntry>;
  isLoaded: boolean;
  /** Named by hints since they were last read. */
  changed: Set<string>;
  newestId: string;
  sorted: Map<DeviceSort, DeviceEntry[]>;
  usedAt: number;
  /** What is read is read in order, so that an older read never replaces a newer one. */
  queue: ReturnType<typeof createSerialQueue>;
}

export interface DeviceDirectory {
  /** The devices that match, after a position of the order, and how many match in all. */
  list(
    organizationId: string,
    query: DeviceQuery,
    page: { sort: DeviceSort; after?: string | undefined; limit: number },
  ): Promise<{ entries: DeviceEntry[]; total: number }>;
  /** Every device of the organisation. */
  all(organizationId: string): Promise<Iterable<DeviceEntry>>;
  /** Listens to hints, and reads everything again in turns: what a hint failed to say is found in a minute. */
  loop: Loop;
  loopIntervalMs: number;
}

/**
 * Keeps what devices are searched and sorted by in memory, so that no search reads thousands of documents. The
 * store is the truth: before each answer the devices that hints named and those that are new are read, and what
 * an answer shows is read from the store by whoever asks.
 */
export function createDeviceDirectory(options: {
  store: Pick<Store, "devices">;
  bus: Pick<Bus, "subscribe">;
  logger: Logger;
  now?: () => number;
}): DeviceDirectory {
  const { store, bus, logger, now = Date.now } = options;
  const fleets = new Map<string, Fleet>();

  function put(fleet: Fleet, head: DeviceHead): void {
    const fresh = entryOf(head);
    const known = fleet.entries.get(fresh.id);
    if (fresh.id > fleet.newestId) fleet.newestId = fresh.id;
    if (known === undefined || known.name !== fresh.name) fleet.sorted.clear();
    else if (known.lastSeenAt !== fresh.lastSeenAt) fleet.sorted.delete("last-seen");
    // In place: the sorted lists hold the same object.
    if (known === undefined) fleet.entries.set(fresh.id, fresh);
    else Object.assign(known, fresh);
  }

  function drop(fleet: Fleet, id: string): void {
    if (fleet.entries.delete(id)) fleet.sorted.clear();
  }

  /** Reads the page after an id; resolves to where the next one begins, or undefined after the last. */
  async function readPage(fleet: Fleet, after: string, { dropMissing }: { dropMissing: boolean }) {
    const heads = await store.devices.listHeads(fleet.organizationId, after, pageSize);
    for (const head of heads) put(fleet, head);
    const last = heads.length < pageSize ? undefined : heads.at(-1)?._id;
    if (!dropMissing) return last;
    const there = new Set(heads.map(({ _id }) => _id));
    for (const id of fleet.entries.keys()) {
      if (id > after && (last === undefined || id <= last) && !there.has(id)) drop(fleet, id);
    }
    return last;
  }

  async function readFrom(fleet: Fleet, start: string): Promise<void> {
    let after: string | undefined = start;
    while (after !== undefined) after = await readPage(fleet, after, { dropMissing: false });
  }

  async function readChanged(fleet: Fleet): Promise<void> {
    const ids = [...fleet.changed];
    fleet.changed = new Set();
    try {
      for (let at = 0; at < ids.length; at += pageSize) {
        const some = ids.slice(at, at + pageSize);
        const heads = await store.devices.findHeads(fleet.organizationId, some);
        for (const head of heads) put(fleet, head);
        const there = new Set(heads.map(({ _id }) => _id));
        for (const id of some) if (!there.has(id)) drop(fleet, id);
      }
    } catch (error) {
      for (const id of ids) fleet.changed.add(id);
      throw error;
    }
  }

  async function bringUp(fleet: Fleet): Promise<void> {
    if (fleet.isLoaded && fleet.changed.size > 0) await readChanged(fleet);
    await readFrom(fleet, fleet.isLoaded ? fleet.newestId : "");
    fleet.isLoaded = true;
  }

  function forget(keep: Fleet): void {
    let total = 0;
    const byUse = [...fleets.values()].sort((a, b) => b.usedAt - a.usedAt);
    for (const fleet of byUse) {
      total += fleet.entries.size;
      if (fleet !== keep && (total > maxEntries || now() - fleet.usedAt > forgetMs)) {
        fleets.delete(fleet.organizationId);
      }
    }
  }

  async function fleetOf(organizationId: string): Promise<Fleet> {
    const fleet = fleets.get(organizationId) ?? {
      organizationId,
      entries: new Map<string, DeviceEntry>(),
      isLoaded: false,
      changed: new Set<string>(),
      newestId: "",
      sorted: new Map<DeviceSort, DeviceEntry[]>(),
      usedAt: 0,
      queue: createSerialQueue(),
    };
    fleets.set(organizationId, fleet);
    fleet.usedAt = now();
    const wasLoaded = fleet.isLoaded;
    await fleet.queue.share(() => bringUp(fleet));
    if (!wasLoaded) forget(fleet);
    return fleet;
  }

  function sortedBy(fleet: Fleet, sort: DeviceSort): DeviceEntry[] {
    const found = fleet.sorted.get(sort) ?? [...fleet.entries.values()].sort(deviceOrders[sort].compare);
    fleet.sorted.set(sort, found);
    return found;
  }

  /** A page at a time: whoever asks meanwhile waits for one page at most. */
  async function reread(fleet: Fleet, signal: AbortSignal): Promise<void> {
    let after: string | undefined = "";
    while (after !== undefined && !signal.aborted) {
      const from: string = after;
      after = await fleet.queue.add(() => readPage(fleet, from, { dropMissing: true }));
    }
  }

  const loop = createLoop({
    name: "device directory",
    intervalMs: rereadMs,
    logger,
    async step(signal) {
      for (const fleet of [...fleets.values()]) {
        if (now() - fleet.usedAt > forgetMs) fleets.delete(fleet.organizationId);
        else if (fleet.isLoaded) await reread(fleet, signal);
      }
    },
  });
  let unsubscribe = (): void => undefined;

  return {
    async list(organizationId, query, { sort, after, limit }) {
      const fleet = await fleetOf(organizationId);
      const matches = matcherOf(query);
      const { isAfter } = deviceOrders[sort];
      const entries: DeviceEntry[] = [];
      let total = 0;
      for (const entry of sortedBy(fleet, sort)) {
        if (!matches(entry)) continue;
        total += 1;
        if (entries.length < limit && (after === undefined || isAfter(entry, after)))
          entries.push({ ...entry });
      }
      return { entries, total };
    },

    all: async (organizationId) => (await fleetOf(organizationId)).entries.values(),

    loopIntervalMs: rereadMs,
    loop: {
      ...loop,
      start() {
        unsubscribe = bus.subscribe("device:updated", ({ organizationId, deviceIds }) => {
          const changed = fleets.get(organizationId)?.changed;
          if (changed !== undefined) for (const id of deviceIds) changed.add(id);
        });
        loop.start();
      },
      async stop() {
        unsubscribe();
        await loop.stop();
      },
    },
  };
}
