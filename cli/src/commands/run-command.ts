import { CommandError, type CommandContext } from "../command.ts";
import { askPlatform, createPlatformReader, findDevice, findScript } from "../connect/platform-api.ts";
import { loadPlatform, type Platform } from "../connect/platform.ts";
import { exitCodeOfAll } from "./execution.ts";
import { followRun, patiently } from "./follow-run.ts";
import { createRunPrinter } from "./run-printer.ts";
import { readRequest, type RunFlags } from "./run-request.ts";

interface Run {
  id: string;
  deviceCount: number;
}

type Target = { devices: string[] } | { selector: { selector: string } };

async function targetOf(
  platform: Platform,
  devices: readonly string[],
  { selectors }: Pick<RunFlags, "selectors">,
  signal: AbortSignal,
): Promise<Target> {
  if (devices.length > 0 && selectors.length > 0)
    throw new CommandError("Name devices, or select them by --selector, not both.");
  // An empty one would be every device: no variable that isn't set may mean that.
  if (selectors.some((selector) => selector.trim() === ""))
    throw new CommandError("--selector needs labels, such as site=berlin.");
  if (selectors.length > 0) return { selector: { selector: selectors.join(",") } };
  const found: string[] = [];
  for (const wanted of new Set(devices)) found.push((await findDevice(platform, wanted, signal)).id);
  return { devices: found };
}

/** Asked once: asked again, it would run twice. */
const start = (platform: Platform, body: object): Promise<Run> =>
  askPlatform<Run>(platform, { method: "POST", path: "/commands", body }, new AbortController().signal);

/** Cancels a run once, when the signal aborts or nobody reads what it writes. */
function createCancel(platform: Platform, runId: string, { complain, signal }: CommandContext) {
  let asked: Promise<unknown> | undefined;
  const cancel = (): void => {
    if (asked !== undefined) return;
    const question = { method: "POST" as const, path: `/commands/${runId}/cancel` };
    const never = new AbortController().signal;
    asked = patiently(() => askPlatform(platform, question, never)).catch((error: unknown) =>
      complain(error instanceof Error ? error.message : String(error)),
    );
  };
  const interrupted = (): void => {
    complain("Cancelling it on its devices. Ctrl+C once more leaves at once.");
    cancel();
  };
  if (signal.aborted) interrupted();
  else signal.addEventListener("abort", interrupted, { once: true });
  return { cancel, isAsked: () => asked !== undefined };
}

async function begin(
  { devices, words }: { devices: readonly string[]; words: readonly string[] },
  flags: RunFlags,
  context: CommandContext,
): Promise<{ platform: Platform; run: Run }> {
  const { signal, env } = context;
  if (devices.length === 0 && flags.selectors.length === 0)
    throw new CommandError("Say on which devices: rciots run till-7 -- uptime, or --selector site=berlin.");
  const request = await readRequest(words, flags, context);
  const platform = loadPlatform(env, flags);
  const target = await targetOf(platform, devices, flags, signal);
  const script =
    flags.script === undefined ? {} : { scriptId: (await findScript(platform, flags.script, signal)).id };
  return { platform, run: await start(platform, { ...request, ...target, ...script }) };
}

/** Resolves with the exit code once the run is over everywhere. */
async function watch(
  { platform, run, isJson }: { platform: Platform; run: Run; isJson: boolean },
  context: CommandContext,
): Promise<number> {
  const { cancel, isAsked } = createCancel(platform, run.id, context);
  const { deviceCount } = run;
  const printer = createRunPrinter(context, { isJson, deviceCount, onClosed: cancel });
  const reader = createPlatformReader(platform);
  const onAway = (reason: string): void =>
    context.complain(`${reason} The command goes on; waiting for the platform.`);
  try {
    await printer.started(run);
    const executions = await followRun({ reader, runId: run.id, printer, onAway });
    await printer.finished(executions);
    return exitCodeOfAll(executions, isAsked());
  } finally {
    reader.close();
  }
}

/** Resolves with the exit code. Throws CommandErrors. */
export async function runCommand(
  given: { devices: readonly string[]; words: readonly string[] },
  flags: RunFlags,
  context: CommandContext,
): Promise<number> {
  const { platform, run } = await begin(given, flags, context);
  try {
    return await watch({ platform, run, isJson: flags.isJson }, context);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const where = `The command goes on without this one: see ${run.id} under Commands in the console.`;
    const message = `${error.message} ${where}`;
    // Of what was interrupted nothing is said any more, and this has to be.
    if (context.signal.aborted) context.complain(message);
    throw new CommandError(message, error.exitCode, { cause: error });
  }
}
