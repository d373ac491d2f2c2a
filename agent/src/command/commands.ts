import { rm } from "node:fs/promises";
import { limits, type PlatformRequest, type PlatformResponse } from "@rciots/protocol";
import { AppError, errorMessage, type Logger } from "@rciots/runtime";
import type { Caller } from "../channel/report-outbox.ts";
import type { Cluster } from "../kube/cluster.ts";
import type { StateStore } from "../reconcile/state-store.ts";
import { createCommandJournal, type CommandEnd, type JournalEntry } from "./command-journal.ts";
import { createCommandOutbox } from "./command-outbox.ts";
import type { CommandRequest, CommandRules } from "./command-rules.ts";
import { runExecution, type EndReason, type Execution } from "./execution.ts";
import { createHostCommands } from "./host-command.ts";
import { createOutputFeed, type OutputFeed } from "./output-feed.ts";
import { createPodCommands } from "./pod-command.ts";
import { signalFamily } from "./process-family.ts";

export interface CommandOptions {
  /** What the device runs at all. */
  rules: CommandRules;
  /** Remembers what was begun. */
  store: StateStore;
  /** For scripts while they run; private to the agent's user. */
  folder: string;
  /** What commands inherit, such as PATH and HOME. */
  environment: Readonly<Record<string, string>>;
}

/** Commands that the platform has this device run. */
export interface Commands {
  /** Words for hello. */
  readonly capabilities: readonly string[];
  /** Tells of commands that an earlier life of the agent began. */
  begin(): Promise<void>;
  /** Rejects with `command_denied`, and with `busy`. */
  start(request: CommandRequest): Promise<PlatformResponse<"command:start">>;
  cancel(request: PlatformRequest<"command:cancel">): Promise<PlatformResponse<"command:cancel">>;
  attach(session: Caller): void;
  detach(): void;
  /** Ends what runs, and waits a little for the platform to hear of it. */
  stop(): Promise<void>;
  /** The device is no longer the platform's: nothing is left of what it was asked. */
  forget(): Promise<void>;
}

const drainMs = 2_000;

const agentStopped: EndReason = { outcome: "signaled", message: "The agent was stopped, and ended it." };

function lostEnd({ id, startedAt }: JournalEntry): CommandEnd {
  const message =
    "The agent ended while it ran. What was left of it was killed; how far it came is not known.";
  return { id, outcome: "lost", message, outputBytes: 0, startedAt, finishedAt: new Date().toISOString() };
}

export function createCommands(
  options: CommandOptions & { cluster: () => Cluster | undefined; logger: Logger },
): Commands {
  const { rules, folder, logger } = options;
  const journal = createCommandJournal({ store: options.store, logger });
  const outbox = createCommandOutbox({
    logger,
    onSettled: (id) => void journal.settle(id).catch((error: unknown) => noteFault(id, error)),
  });
  const onHost = createHostCommands({ folder, environment: options.environment });
  const inPods = createPodCommands({ cluster: options.cluster, logger });
  const running = new Map<string, Execution>();
  /** Taken, and not in the journal yet. */
  const beginning = new Set<string>();
  /** Cancelled before they came. */
  const refused = new Set<string>();
  const ends = new Set<Promise<void>>();
  let isStopping = false;

  function noteFault(id: string, error: unknown): void {
    logger.error({ commandId: id, error: errorMessage(error) }, "a command's record can't be written");
  }

  async function finish(end: CommandEnd): Promise<void> {
    await journal.end(end).catch((error: unknown) => noteFault(end.id, error));
    outbox.end(end);
  }

  function launch(request: CommandRequest, startedAt: string): void {
    const feed: OutputFeed = createOutputFeed({
      pause: () => execution.pause(),
      resume: () => execution.resume(),
    });
    outbox.add(request.id, feed);
    const execution: Execution = runExecution(request, {
      launch: request.place.kind === "host" ? onHost : inPods,
      feed,
      onOutput: () => outbox.nudge(),
      startedAt,
    });
    running.set(request.id, execution);
    const ended = execution.finished.then(async (end) => {
      running.delete(request.id);
      await finish(end);
    });
    ends.add(ended);
    void ended.finally(() => ends.delete(ended));
  }

  return {
    capabilities: rules.isOpen ? ["commands"] : [],

    async begin() {
      for (const entry of await journal.load()) {
        await signalFamily(entry.id, undefined, "SIGKILL");
        outbox.add(entry.id, createOutputFeed({ pause: () => undefined, resume: () => undefined }));
        await finish(entry.end ?? lostEnd(entry));
      }
      await rm(folder, { recursive: true, force: true });
    },

    async start(request) {
      const { id } = request;
      if (beginning.has(id) || refused.has(id) || journal.knows(id)) return { isNew: false };
      rules.check(request);
      if (isStopping || beginning.size + running.size >= limits.commandsPerDevice) {
        const message = `The device runs ${limits.commandsPerDevice} commands already, or is about to stop.`;
        throw new AppError({ code: "busy", status: 429, message });
      }
      beginning.add(id);
      try {
        const startedAt = new Date().toISOString();
        await journal.begin(id, startedAt);
        logger.info({ commandId: id, place: request.place.kind }, "the platform has a command run");
        launch(request, startedAt);
      } finally {
        beginning.delete(id);
      }
      return { isNew: true };
    },

    async cancel({ id, reason }) {
      const execution = running.get(id);
      execution?.end({ outcome: "canceled", message: reason });
      if (execution !== undefined || beginning.has(id) || journal.knows(id))
        return { isRunning: execution !== undefined };
      refused.add(id);
      const end = { id, outcome: "canceled" as const, message: reason, outputBytes: 0 };
      outbox.add(id, createOutputFeed({ pause: () => undefined, resume: () => undefined }));
      outbox.end({ ...end, finishedAt: new Date().toISOString() });
      return { isRunning: false };
    },

    attach: (session) => outbox.attach(session),
    detach: () => outbox.detach(),

    async stop() {
      isStopping = true;
      for (const execution of running.values()) execution.end(agentStopped);
      await Promise.all(ends);
      await outbox.drained(drainMs);
      outbox.detach();
    },

    async forget() {
      await journal.forgetAll();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
