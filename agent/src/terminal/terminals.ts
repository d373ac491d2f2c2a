import { faultError, type TerminalTarget } from "@rciots/protocol";
import type { Logger } from "@rciots/runtime";
import type { AcceptTarget } from "../channel/accept-streams.ts";
import type { PodExec } from "../kube/pod-exec.ts";
import { openPodTerminal, type OpenTerminal } from "./terminal-process.ts";
import { createTerminalSession, type TerminalLimits, type TerminalSession } from "./terminal-session.ts";

export interface TerminalsOptions {
  /** Opens a shell of this machine; undefined where that is not allowed. */
  host: OpenTerminal | undefined;
  /** Whether containers may be entered. */
  pods: boolean;
  /** Undefined while the device has no cluster. */
  exec: () => PodExec | undefined;
  logger: Logger;
  limits?: Partial<TerminalLimits> | undefined;
}

export interface Terminals {
  accept: AcceptTarget<"terminal">;
  /** Ends them all. */
  stop(): void;
}

const maxSessions = 8;
const defaultLimits: TerminalLimits = { graceMs: 60_000, idleMs: 30 * 60_000 };

const refused = (code: string, message: string) => faultError({ code, message });

/** Connects streams to terminals: new ones, and those that their owner lost in a gap. */
export function createTerminals(options: TerminalsOptions): Terminals {
  const { logger } = options;
  const limits = { ...defaultLimits, ...options.limits };
  const sessions = new Map<string, TerminalSession>();
  let opening = 0;

  function openerOf({ pod }: TerminalTarget): OpenTerminal {
    if (pod === undefined) {
      if (options.host !== undefined) return options.host;
      throw refused("target_not_allowed", "The device opens no terminal on itself (its --terminal).");
    }
    if (!options.pods)
      throw refused("target_not_allowed", "The device lets nobody into containers (its --terminal).");
    const exec = options.exec();
    if (exec === undefined) throw refused("target_unreachable", "The device has no cluster.");
    const { name, ...where } = pod;
    return openPodTerminal(exec, { ...where, pod: name });
  }

  /** Of somebody else's session nothing is told, not even that there is one. */
  function find({ session, owner }: TerminalTarget): TerminalSession {
    const found = sessions.get(session);
    if (found?.owner === owner) return found;
    throw refused("terminal_gone", "The terminal is over: nobody came back to it in time.");
  }

  async function open(target: TerminalTarget): Promise<TerminalSession> {
    const { session: id, owner, columns, rows } = target;
    const opener = openerOf(target);
    if (sessions.has(id)) throw refused("target_invalid", "There is a terminal of this name.");
    if (sessions.size + opening >= maxSessions)
      throw refused("too_many_streams", `The device has ${maxSessions} terminals; close some.`);
    opening += 1;
    try {
      const process = await opener({ columns, rows });
      const where = target.pod === undefined ? { place: "host" } : { place: "pod", ...target.pod };
      logger.info({ terminal: id, owner, ...where }, "terminal opened");
      const session = createTerminalSession({
        id,
        owner,
        process,
        limits,
        onOver() {
          sessions.delete(id);
          logger.info({ terminal: id, owner }, "terminal over");
        },
      });
      sessions.set(id, session);
      return session;
    } finally {
      opening -= 1;
    }
  }

  return {
    async accept(target) {
      const { shown } = target;
      const session = shown === undefined ? await open(target) : find(target);
      return (stream) => session.attach(stream, shown ?? 0);
    },
    stop() {
      for (const session of sessions.values()) session.end("The agent stops.");
    },
  };
}
