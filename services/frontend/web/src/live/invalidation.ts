import type { Schema } from "../api/client.ts";

export type Changes = Schema<"LiveChanges">;

/** Of many hints, what they say together. */
export function mergeChanges(a: Changes, b: Changes): Changes {
  const union = (left: readonly string[], right: readonly string[]): string[] => [
    ...new Set([...left, ...right]),
  ];
  return {
    devices: union(a.devices, b.devices),
    devicesMany: a.devicesMany || b.devicesMany,
    templates: union(a.templates, b.templates),
    templatesMany: a.templatesMany || b.templatesMany,
    commandRuns: union(a.commandRuns, b.commandRuns),
    commandRunsMany: a.commandRunsMany || b.commandRunsMany,
    events: a.events || b.events,
    kinds: union(a.kinds, b.kinds),
    tokens: a.tokens || b.tokens,
    account: a.account || b.account,
  };
}

const isId = (part: unknown): part is string =>
  typeof part === "string" && /^[a-z]+_[0-9A-Z]{26}$/.test(part);

function touches(part: unknown, ids: readonly string[], isMany: boolean): boolean {
  // A list, a count or a search may show any of them.
  return !isId(part) || isMany || ids.includes(part);
}

/** Resources that events of these kinds are about: `member.removed` is about `members`. */
function resourcesOf(kinds: readonly string[]): Set<string> {
  return new Set(kinds.map((kind) => `${kind.split(".")[0] ?? ""}s`));
}

/** Whether other events came than those of single connections. */
const hasOtherEvents = ({ events, kinds }: Changes): boolean =>
  events && (kinds.length === 0 || kinds.some((kind) => !kind.startsWith("connection.")));

const leavesConnectionsOut = (part: unknown): boolean =>
  typeof part === "object" && part !== null && "connections" in part && part.connections === "false";

/** Whether what a query has read may have changed. The first word of its key is the resource, the second an id. */
export function isOutdated(queryKey: readonly unknown[], changes: Changes): boolean {
  const [resource, part] = queryKey;
  const hasDevices = changes.devicesMany || changes.devices.length > 0;
  const hasTemplates = changes.templatesMany || changes.templates.length > 0;
  switch (resource) {
    case "devices":
      return hasDevices && touches(part, changes.devices, changes.devicesMany);
    case "templates":
      if (resourcesOf(changes.kinds).has("templates")) return true;
      return hasTemplates && touches(part, changes.templates, changes.templatesMany);
    case "commands": {
      // What ran on a device comes under `commands` too, with no run's identifier.
      const hasRuns = changes.commandRunsMany || changes.commandRuns.length > 0;
      return hasRuns && touches(part, changes.commandRuns, changes.commandRunsMany);
    }
    case "overview":
      return hasDevices || hasTemplates || hasOtherEvents(changes);
    case "events":
      return queryKey.some(leavesConnectionsOut) ? hasOtherEvents(changes) : changes.events;
    case "me":
      return changes.account;
    case "tunnels": {
      const found = resourcesOf(changes.kinds);
      return hasDevices || found.has("tunnels") || found.has("web-tunnels");
    }
    case "remote-access":
      return changes.kinds.includes("remote-access.changed");
    case "command-settings":
      return changes.kinds.some((kind) => ["command.allowed", "command.forbidden"].includes(kind));
    case "provisioning-tokens":
      return changes.tokens;
    case "secrets":
    case "git-credentials":
      // Both say which templates use them.
      return hasTemplates || ["templates", resource].some((word) => resourcesOf(changes.kinds).has(word));
    default:
      return resourcesOf(changes.kinds).has(String(resource));
  }
}
