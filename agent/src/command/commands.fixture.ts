import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DeviceRequest } from "@rciots/protocol";
import { AppError, newId, silentLogger } from "@rciots/runtime";
import type { Caller } from "../channel/report-outbox.ts";
import type { Cluster } from "../kube/cluster.ts";
import { createFileStateStore } from "../reconcile/state-store.ts";
import { parseCommandRules, type CommandRequest, type CommandRuleTexts } from "./command-rules.ts";
import { createCommands } from "./commands.ts";

/** What the platform stored: output by its offset, so that what comes again counts once. */
export interface Received {
  output: Map<number, DeviceRequest<"command:output">>;
  ends: DeviceRequest<"command:end">[];
}

/** A platform that stores what it is told, and may fail at any call. */
export function createPlatform() {
  const received = new Map<string, Received>();
  const of = (id: string): Received => {
    const found = received.get(id) ?? { output: new Map(), ends: [] };
    received.set(id, found);
    return found;
  };
  const platform = {
    of,
    /** Throws instead of storing; may also store and throw, as a session that is lost before the answer. */
    fault: undefined as ((event: string, store: () => void) => void) | undefined,
    caller: {
      async call(event: string, payload: unknown) {
        const store = (): void => {
          if (event === "command:output") {
            const output = payload as DeviceRequest<"command:output">;
            const stored = of(output.id).output;
            if (!stored.has(output.offset)) stored.set(output.offset, output);
          } else {
            const end = payload as DeviceRequest<"command:end">;
            of(end.id).ends.push(end);
          }
        };
        platform.fault?.(event, store);
        store();
        return {};
      },
    } as Caller,
    textOf(id: string, stream?: "stdout" | "stderr"): string {
      const messages = [...of(id).output].sort(([a], [b]) => a - b).map(([, message]) => message);
      const pieces = messages.flatMap((message) => message.pieces);
      return pieces
        .filter((piece) => stream === undefined || piece.stream === stream)
        .map(({ text }) => text)
        .join("");
    },
  };
  return platform;
}

export const sessionEnded = (): AppError =>
  new AppError({ code: "session_ended", status: 503, message: "The session is over." });

export const commandRequest = (
  program: CommandRequest["program"],
  change: Partial<CommandRequest> = {},
): CommandRequest => ({
  id: newId("cex"),
  place: { kind: "host" },
  program,
  environment: {},
  timeoutMs: 60_000,
  graceMs: 300,
  ...change,
});

export const shell = (text: string, change: Partial<CommandRequest> = {}): CommandRequest =>
  commandRequest({ kind: "script", interpreter: "sh", text, arguments: [] }, change);

/** A device's commands in a folder of their own, which several lives of an agent may share. */
export async function createDevice({
  rules = {},
  cluster,
}: { rules?: Partial<CommandRuleTexts>; cluster?: Cluster } = {}) {
  const folder = await mkdtemp(join(tmpdir(), "rciots-commands-"));
  const live = () =>
    createCommands({
      rules: parseCommandRules({ places: "any", ...rules }),
      store: createFileStateStore({ dir: join(folder, "commands") }),
      folder: join(folder, "scripts"),
      environment: { PATH: "/usr/local/bin:/usr/bin:/bin", HOME: folder },
      cluster: () => cluster,
      logger: silentLogger,
    });
  return { folder, live, remove: () => rm(folder, { recursive: true, force: true }) };
}
