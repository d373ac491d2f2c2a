import { z } from "zod";

const maxDevices = 100;
const maxTemplates = 100;
const maxRuns = 100;

/** Message `changes` of a live connection: hints, not data. What they name is to be fetched again. */
export const liveChangesSchema = z
  .object({
    devices: z.array(z.string()).max(maxDevices).describe("Identifiers of devices that changed."),
    devicesMany: z.boolean().describe("So many devices changed that none is named."),
    templates: z.array(z.string()).max(maxTemplates).describe("Identifiers of templates that changed."),
    templatesMany: z.boolean().describe("So many templates changed that none is named."),
    commandRuns: z
      .array(z.string())
      .max(maxRuns)
      .describe("Identifiers of command runs that changed, or whose commands wrote something."),
    commandRunsMany: z.boolean().describe("So many runs changed that none is named."),
    events: z.boolean().describe("There are new events."),
    kinds: z.array(z.string()).describe("Kinds of the new events, such as `member.removed`."),
    tokens: z.boolean().describe("Provisioning tokens changed, or devices enrolled with them."),
    account: z.boolean().describe("Your role, or the organisation's name or status changed: see `GET /me`."),
  })
  .meta({ id: "LiveChanges" });

export type LiveChanges = z.infer<typeof liveChangesSchema>;

export const noChanges: LiveChanges = {
  devices: [],
  devicesMany: false,
  templates: [],
  templatesMany: false,
  commandRuns: [],
  commandRunsMany: false,
  events: false,
  kinds: [],
  tokens: false,
  account: false,
};

/** Events that say that the use of a provisioning token was counted, besides changes of the token itself. */
const countedKinds = ["device.enrolled", "device.pending"];
const isAboutTokens = (kind: string): boolean =>
  kind.startsWith("provisioning-token.") || countedKinds.includes(kind);

interface Pending {
  devices: Set<string>;
  templates: Set<string>;
  commandRuns: Set<string>;
  kinds: Set<string>;
  account: boolean;
  timer: NodeJS.Timeout;
}

/** Keeps one more than can be named, which is enough to know that there are more. */
function addBounded(set: Set<string>, ids: readonly string[], max: number): void {
  for (const id of ids) {
    if (set.size > max) return;
    set.add(id);
  }
}

function summarize({ devices, templates, commandRuns, kinds, account }: Pending): LiveChanges {
  return {
    devices: devices.size > maxDevices ? [] : [...devices],
    devicesMany: devices.size > maxDevices,
    templates: templates.size > maxTemplates ? [] : [...templates],
    templatesMany: templates.size > maxTemplates,
    commandRuns: commandRuns.size > maxRuns ? [] : [...commandRuns],
    commandRunsMany: commandRuns.size > maxRuns,
    events: kinds.size > 0,
    kinds: [...kinds],
    tokens: [...kinds].some(isAboutTokens),
    account,
  };
}

export interface ChangeCollector {
  note(
    organizationId: string,
    change: {
      devices?: readonly string[];
      templates?: readonly string[];
      commandRuns?: readonly string[];
      kinds?: readonly string[];
      account?: true;
    },
  ): void;
  stop(): void;
}

/** Hints that come together, such as those of one batch of reports, go together even where none went before. */
const gatherMs = 20;

/** Makes one message of many hints: at most one in `intervalMs` for each organisation. */
export function createChangeCollector(options: {
  intervalMs: number;
  /** What nobody watches is not collected. */
  isWatched: (organizationId: string) => boolean;
  send: (organizationId: string, changes: LiveChanges) => void;
  now?: () => number;
}): ChangeCollector {
  const { intervalMs, isWatched, send, now = Date.now } = options;
  const pending = new Map<string, Pending>();
  const sentAt = new Map<string, number>();

  function flush(organizationId: string): void {
    const collected = pending.get(organizationId);
    pending.delete(organizationId);
    if (collected === undefined) return;
    sentAt.set(organizationId, now());
    send(organizationId, summarize(collected));
  }

  function open(organizationId: string): Pending {
    const dueMs = (sentAt.get(organizationId) ?? 0) + intervalMs - now();
    const delayMs = Math.max(Math.min(gatherMs, intervalMs), Math.min(dueMs, intervalMs));
    const timer = setTimeout(() => flush(organizationId), delayMs).unref();
    const opened = {
      devices: new Set<string>(),
      templates: new Set<string>(),
      commandRuns: new Set<string>(),
      kinds: new Set<string>(),
      account: false,
      timer,
    };
    pending.set(organizationId, opened);
    return opened;
  }

  return {
    note(organizationId, { devices = [], templates = [], commandRuns = [], kinds = [], account = false }) {
      if (!isWatched(organizationId)) {
        sentAt.delete(organizationId);
        return;
      }
      const collected = pending.get(organizationId) ?? open(organizationId);
      addBounded(collected.devices, devices, maxDevices);
      addBounded(collected.templates, templates, maxTemplates);
      addBounded(collected.commandRuns, commandRuns, maxRuns);
      for (const kind of kinds) collected.kinds.add(kind);
      collected.account ||= account;
    },
    stop() {
      for (const { timer } of pending.values()) clearTimeout(timer);
      pending.clear();
    },
  };
}
