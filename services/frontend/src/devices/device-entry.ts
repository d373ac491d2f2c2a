import type { DeviceHead, DeviceStatus, LabelCondition } from "@rciots/store";

/** What the directory keeps of a device. */
export interface DeviceEntry {
  id: string;
  name: string;
  status: DeviceStatus;
  labels: Readonly<Record<string, string>>;
  online: boolean;
  /** Milliseconds; 0: never. */
  lastSeenAt: number;
  state: string | null;
  templateIds: readonly string[];
  /** Milliseconds; null: it has no certificate. */
  certificateEndsAt: number | null;
  /** What searches look through, in lower case, with line breaks between. */
  text: string;
}

/** Which devices; all that is given must hold. */
export interface DeviceQuery {
  statuses?: readonly DeviceStatus[] | undefined;
  online?: boolean | undefined;
  states?: readonly string[] | undefined;
  labels?: readonly LabelCondition[] | undefined;
  templateId?: string | undefined;
  /** Part of the name, the id, a label or a fact; with ^ in front, the beginning of the name. */
  q?: string | undefined;
}

function textOf({ _id, name, labels, facts }: DeviceHead): string {
  const { hostname, os, kernel, architecture, addresses, agentVersion, clusterKind, clusterVersion } = facts;
  const known = [hostname, os, kernel, architecture, agentVersion, clusterKind, clusterVersion];
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  const parts = [name, _id, ...pairs, ...known, ...(addresses ?? [])];
  return parts
    .filter((part) => part !== undefined)
    .join("\n")
    .toLowerCase();
}

export function entryOf(head: DeviceHead): DeviceEntry {
  return {
    id: head._id,
    name: head.name,
    status: head.status,
    labels: head.labels,
    online: head.presence.online,
    lastSeenAt: head.presence.lastSeenAt?.getTime() ?? 0,
    state: head.observed.state,
    templateIds: head.assignments.map(({ templateId }) => templateId),
    certificateEndsAt: head.certificate?.notAfter.getTime() ?? null,
    text: textOf(head),
  };
}

function holds(labels: DeviceEntry["labels"], condition: LabelCondition): boolean {
  const value = Object.hasOwn(labels, condition.key) ? labels[condition.key] : undefined;
  switch (condition.operator) {
    case "in":
      return value !== undefined && condition.values.includes(value);
    case "notIn":
      return value === undefined || !condition.values.includes(value);
    case "exists":
      return value !== undefined;
    case "absent":
      return value === undefined;
  }
}

/** Whether a device is one of those that a query means. */
export function matcherOf(query: DeviceQuery): (entry: DeviceEntry) => boolean {
  const { statuses, online, states, labels = [], templateId } = query;
  const q = query.q?.toLowerCase();
  const isFound = (entry: DeviceEntry): boolean => {
    if (q === undefined) return true;
    return q.startsWith("^") ? entry.name.startsWith(q.slice(1)) : entry.text.includes(q);
  };
  return (entry) =>
    (statuses === undefined || statuses.includes(entry.status)) &&
    (online === undefined || entry.online === online) &&
    (states === undefined || (entry.state !== null && states.includes(entry.state))) &&
    (templateId === undefined || entry.templateIds.includes(templateId)) &&
    labels.every((condition) => holds(entry.labels, condition)) &&
    isFound(entry);
}
