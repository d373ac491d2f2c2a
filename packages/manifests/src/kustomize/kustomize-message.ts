import { AppError } from "@rciots/runtime";
import { formatBytes } from "../files/manifest-file.ts";
import type { ManifestFile } from "../files/manifest-file.ts";
import { faultsError, quoted } from "../manifest-fault.ts";
import type { RunResult } from "../process/run-limited.ts";
import { explainFailure } from "./explain-failure.ts";

export interface FailureContext {
  /** Folders whose names must not reach an operator, longest first. */
  hiddenFolders: readonly string[];
  timeoutMs: number;
  maxOutputBytes: number;
  maxMemoryBytes: number;
  /** As they were written, and the folder that was built. */
  files: readonly ManifestFile[];
  root: string;
}

const maxMessageLength = 1000;

/** Turns a failed run of kustomize into an error an operator can act on; null when it went well. */
export async function kustomizeFailure(result: RunResult, context: FailureContext): Promise<AppError | null> {
  const seconds = context.timeoutMs / 1000;
  switch (result.end) {
    case "aborted":
      return new AppError({ code: "aborted", status: 499, message: "Rendering was cancelled." });
    case "timeout":
      return new AppError({
        code: "render_timeout",
        status: 504,
        message: `Rendering took longer than ${seconds} s and was stopped.`,
      });
    case "too_much_output": {
      const message = `The rendered objects are larger than ${formatBytes(context.maxOutputBytes)}.`;
      return faultsError([{ code: "render_too_large", message }], 413);
    }
    case "not_started":
      return new AppError({
        code: "kustomize_unavailable",
        status: 503,
        message: "Kustomize could not be started on the platform.",
        cause: new Error(result.stderr),
      });
    case "exit":
      return result.exitCode === 0 ? null : exitFailure(result, context);
  }
}

async function exitFailure(result: RunResult, context: FailureContext): Promise<AppError> {
  if (isOutOfMemory(result)) {
    const message = `Rendering needed more than ${formatBytes(context.maxMemoryBytes)} of memory and was stopped.`;
    return new AppError({ code: "render_memory", status: 413, message });
  }
  const text = cleanMessage(result.stderr, context.hiddenFolders);
  return faultsError([await explainFailure(text, context.files, context.root)]);
}

function isOutOfMemory({ stderr, killedBy }: RunResult): boolean {
  return (
    killedBy === "SIGKILL" || /out of memory|cannot allocate memory|failed to reserve|newosproc/.test(stderr)
  );
}

/** The last error line without temporary folders, log prefixes and repetition. */
function cleanMessage(stderr: string, hiddenFolders: readonly string[]): string {
  let text = stderr;
  for (const folder of hiddenFolders) text = text.replaceAll(`${folder}/`, "").replaceAll(folder, ".");
  const klog = /"command failed" err="((?:[^"\\]|\\.)*)"/.exec(text)?.[1];
  if (klog !== undefined) text = klog.replace(/\\n/g, "\n").replace(/\\(.)/g, "$1");
  text = text
    .split("\n")
    .filter((line) => line.trim() !== "" && !line.startsWith("# Warning"))
    .join(" ")
    .replace(/^(?:error|Error): /, "");
  // `accumulating resources` is tried as a file, then as a folder; the second failure follows from the first.
  text = text.replace(/': must build at directory: .*$/, "'");
  if (text === "") return "it failed without a message.";
  return quoted(text, maxMessageLength).slice(1, -1);
}

/** Kustomize's warnings about deprecated fields, one sentence each. */
export function readWarnings(stderr: string): string[] {
  const warnings = stderr
    .split("\n")
    .filter((line) => line.startsWith("# Warning:"))
    .map((line) => line.slice("# Warning:".length).trim());
  return [...new Set(warnings)].slice(0, 50);
}
