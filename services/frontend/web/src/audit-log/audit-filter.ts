import { useSearchParams } from "react-router";
import type { paths } from "../api/schema.ts";

export type EventQuery = NonNullable<paths["/api/v1/events"]["get"]["parameters"]["query"]>;

/** Of one organisation, or of the accounts of all. */
export type AuditScope = "organization" | "platform";

/** Of every connection through a tunnel: so many that they are shown when somebody asks for them. */
export const connectionKinds = "connection.*";

/** Nouns of the events there are, as `kind=noun.*` finds them. */
export const areas: readonly { value: string; label: string }[] = [
  { value: "device.*", label: "Devices" },
  { value: "certificate.*", label: "Certificates" },
  { value: "provisioning-token.*", label: "Provisioning tokens" },
  { value: "command.*", label: "Commands" },
  { value: "script.*", label: "Scripts" },
  { value: "tunnel.*", label: "Tunnels" },
  { value: "web-tunnel.*", label: "Web tunnels" },
  { value: "connect.*", label: "Ways of rciots connect" },
  { value: connectionKinds, label: "Single connections" },
  { value: "terminal.*", label: "Terminals" },
  { value: "cluster-api.*", label: "Access to clusters" },
  { value: "pod-logs.*", label: "Logs of containers" },
  { value: "remote-access.*", label: "Remote access" },
  { value: "template.*", label: "Templates" },
  { value: "git-credential.*", label: "Git credentials" },
  { value: "secret.*", label: "Secrets" },
  { value: "member.*", label: "Members" },
  { value: "invitation.*", label: "Invitations" },
  { value: "api-token.*", label: "API tokens" },
  { value: "session.*", label: "Sessions" },
  { value: "user.*", label: "Accounts" },
  { value: "organization.*", label: "Organisation" },
  { value: "allow-list.*", label: "Allow-lists" },
  { value: "authority.*", label: "Certificate authority" },
  { value: "audit-log.*", label: "Exports" },
];

export const severities = ["info", "warning", "error"] as const;

export interface AuditFilter {
  kinds: string[];
  severity: string | null;
  actor: string;
  text: string;
  /** A day, as `2030-01-31`; the whole of it is meant. */
  fromDay: string;
  toDay: string;
  deviceId: string;
  /** Beside everything else. */
  withConnections: boolean;
}

const dayMs = 86_400_000;

/** Midnight of a day where the person is, `plusDays` later; undefined for what is no day. */
function midnight(day: string, plusDays = 0): string | undefined {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(day)) return undefined;
  const time = new Date(`${day}T00:00:00`).getTime() + plusDays * dayMs;
  return Number.isNaN(time) ? undefined : new Date(time).toISOString();
}

/** What the platform is asked. */
export function toQuery(filter: AuditFilter): EventQuery {
  const { kinds, severity, actor, text, fromDay, toDay, deviceId } = filter;
  const isAsked = filter.withConnections || kinds.some((kind) => kind.startsWith("connection."));
  const known = severities.find((each) => each === severity);
  const from = midnight(fromDay);
  const to = midnight(toDay, 1);
  return {
    ...(kinds.length === 0 ? {} : { kind: kinds }),
    ...(known === undefined ? {} : { severity: known }),
    ...(actor === "" ? {} : { actor }),
    ...(text === "" ? {} : { q: text }),
    ...(deviceId === "" ? {} : { deviceId }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    ...(isAsked ? {} : { connections: "false" }),
  };
}

export interface AuditFilterState {
  filter: AuditFilter;
  isFiltered: boolean;
  set: (change: Record<string, string | readonly string[]>) => void;
  clear: () => void;
}

/** The filter is the page's address: it can be sent to somebody, and come back to. */
export function useAuditFilter(): AuditFilterState {
  const [search, setSearch] = useSearchParams();
  const get = (name: string): string => search.get(name) ?? "";
  return {
    filter: {
      kinds: search.getAll("kind"),
      severity: search.get("severity"),
      actor: get("actor"),
      text: get("q"),
      fromDay: get("from"),
      toDay: get("to"),
      deviceId: get("deviceId"),
      withConnections: get("connections") === "true",
    },
    isFiltered: search.size > 0,
    set(change) {
      setSearch(
        (before) => {
          const after = new URLSearchParams(before);
          for (const [name, value] of Object.entries(change)) {
            after.delete(name);
            for (const each of [value].flat()) if (each !== "") after.append(name, each);
          }
          return after;
        },
        { replace: true },
      );
    },
    clear: () => setSearch({}, { replace: true }),
  };
}
