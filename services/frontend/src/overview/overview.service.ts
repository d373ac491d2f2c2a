import type { Device, Event, FleetSamplePoint, Store, Template } from "@rciots/store";
import type { DeviceDirectory } from "../devices/device-directory.ts";
import type { DeviceEntry } from "../devices/device-entry.ts";
import { summarize, type DeviceSummary } from "../devices/devices.service.ts";

const dayMs = 86_400_000;
/** Of each kind of what needs attention. */
const shownItems = 5;
const shownEvents = 10;
const maxSamples = 2_000;
/** A device that is online renews long before; one that isn't can't. */
const certificateWarningMs = 14 * dayMs;

export const attentionKinds = ["failed", "degraded", "certificate", "offline", "pending"] as const;
export type AttentionKind = (typeof attentionKinds)[number];

export interface AttentionItem {
  id: string;
  name: string;
  message: string | null;
}

export interface Attention {
  total: number;
  items: AttentionItem[];
}

export interface Overview {
  summary: DeviceSummary;
  /** Active devices that are online. */
  activeOnline: number;
  devices: Record<AttentionKind, Attention>;
  templates: Attention;
  templateCount: number;
  provisioningTokenCount: number;
  events: Event[];
  history: FleetSamplePoint[];
}

const failedStates = new Set(["failed", "rolled_back"]);

/** Which lists a device is on; a device may need attention for several reasons. */
function needs(entry: DeviceEntry, nowMs: number): AttentionKind[] {
  if (entry.status === "pending") return ["pending"];
  if (entry.status !== "active") return [];
  const kinds: AttentionKind[] = [];
  if (entry.state !== null && failedStates.has(entry.state)) kinds.push("failed");
  if (entry.state === "degraded") kinds.push("degraded");
  if (!entry.online) kinds.push("offline");
  const endsSoon = entry.certificateEndsAt !== null && entry.certificateEndsAt - nowMs < certificateWarningMs;
  if (endsSoon && !entry.online) kinds.push("certificate");
  return kinds;
}

/** The latest first: what has just gone wrong is what somebody can still do something about. */
const byLastSeen = (a: DeviceEntry, b: DeviceEntry): number => b.lastSeenAt - a.lastSeenAt;

function messageOf(kind: AttentionKind, device: Device | undefined): string | null {
  if (kind === "failed" || kind === "degraded") return device?.observed.message ?? null;
  if (kind === "certificate") {
    const ends = device?.certificate?.notAfter;
    return ends === undefined ? null : `The certificate ends ${ends.toISOString()}.`;
  }
  return null;
}

const templateItem = ({ _id, name, sync }: Template): AttentionItem => ({
  id: _id,
  name,
  message: sync.message,
});

export type OverviewService = ReturnType<typeof createOverviewService>;

/** What somebody wants to know who looks at an organisation for the first time today. */
export function createOverviewService(options: {
  store: Pick<Store, "devices" | "templates" | "provisioningTokens" | "events" | "fleetSamples">;
  directory: Pick<DeviceDirectory, "all">;
  now?: () => number;
}) {
  const { store, directory, now = Date.now } = options;

  async function attentionOf(
    organizationId: string,
    entries: readonly DeviceEntry[],
  ): Promise<Record<AttentionKind, Attention>> {
    const found: Record<AttentionKind, DeviceEntry[]> = {
      failed: [],
      degraded: [],
      certificate: [],
      offline: [],
      pending: [],
    };
    const nowMs = now();
    for (const entry of entries) for (const kind of needs(entry, nowMs)) found[kind].push(entry);
    const shown = attentionKinds.map((kind) => ({
      kind,
      total: found[kind].length,
      first: found[kind].sort(byLastSeen).slice(0, shownItems),
    }));
    const ids = new Set(shown.flatMap(({ first }) => first.map(({ id }) => id)));
    const stored = await store.devices.findMany(organizationId, [...ids]);
    const deviceOf = (id: string): Device | undefined => stored.find(({ _id }) => _id === id);
    const lists = shown.map(({ kind, total, first }) => {
      const items = first.map(({ id, name }) => ({ id, name, message: messageOf(kind, deviceOf(id)) }));
      return [kind, { total, items }] as const;
    });
    return Object.fromEntries(lists) as Record<AttentionKind, Attention>;
  }

  return {
    async read(organizationId: string): Promise<Overview> {
      const entries = [...(await directory.all(organizationId))];
      const since = new Date(now() - dayMs);
      const [devices, failedSyncs, templateCount, provisioningTokenCount, events, history] =
        await Promise.all([
          attentionOf(organizationId, entries),
          store.templates.failedSyncs(organizationId, shownItems),
          store.templates.count(organizationId),
          store.provisioningTokens.count(organizationId),
          store.events.list({ organizationId, limit: shownEvents, withoutConnections: true }),
          store.fleetSamples.list(organizationId, since, maxSamples),
        ]);
      return {
        summary: summarize(entries),
        activeOnline: entries.filter(({ status, online }) => status === "active" && online).length,
        devices,
        templates: { total: failedSyncs.total, items: failedSyncs.items.map(templateItem) },
        templateCount,
        provisioningTokenCount,
        events,
        history,
      };
    },
  };
}
