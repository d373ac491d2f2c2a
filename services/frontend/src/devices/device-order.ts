import type { DeviceEntry } from "./device-entry.ts";

export const deviceSorts = ["newest", "name", "last-seen"] as const;
export type DeviceSort = (typeof deviceSorts)[number];

interface Order {
  compare: (a: DeviceEntry, b: DeviceEntry) => number;
  /** Where in the order a device stands, for a cursor. */
  positionOf: (entry: DeviceEntry) => string;
  isAfter: (entry: DeviceEntry, position: string) => boolean;
}

/** Ids and names are ASCII: the order of code units is the store's, too. */
const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function parsePosition(position: string): { lastSeenAt: number; id: string } {
  const [lastSeenAt = "0", id = ""] = position.split("/");
  return { lastSeenAt: Number(lastSeenAt) || 0, id };
}

function compareLastSeen(
  a: Pick<DeviceEntry, "lastSeenAt" | "id">,
  b: Pick<DeviceEntry, "lastSeenAt" | "id">,
): number {
  return b.lastSeenAt - a.lastSeenAt || byText(b.id, a.id);
}

/** Ids grow with time. Each order is total: no two devices stand at one place. */
export const deviceOrders: Record<DeviceSort, Order> = {
  newest: {
    compare: (a, b) => byText(b.id, a.id),
    positionOf: ({ id }) => id,
    isAfter: ({ id }, position) => id < position,
  },
  name: {
    compare: (a, b) => byText(a.name, b.name),
    positionOf: ({ name }) => name,
    isAfter: ({ name }, position) => name > position,
  },
  "last-seen": {
    compare: compareLastSeen,
    positionOf: ({ lastSeenAt, id }) => `${lastSeenAt}/${id}`,
    isAfter: (entry, position) => compareLastSeen(entry, parsePosition(position)) > 0,
  },
};
