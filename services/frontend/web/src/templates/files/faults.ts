import { problemOf } from "../../api/problem.ts";
import type { EditorFault } from "../../components/code-editor/editor-fault.ts";

/** What the platform says is wrong with files. */
export interface FileFault {
  code: string;
  message: string;
  file?: string | undefined;
  line?: number | undefined;
  column?: number | undefined;
}

function readFault(value: unknown): FileFault[] {
  if (typeof value !== "object" || value === null) return [];
  const { code, message, file, line, column } = value as Record<string, unknown>;
  if (typeof message !== "string") return [];
  return [
    {
      code: typeof code === "string" ? code : "",
      message,
      file: typeof file === "string" ? file : undefined,
      line: typeof line === "number" ? line : undefined,
      column: typeof column === "number" ? column : undefined,
    },
  ];
}

/** The faults that a refusal lists; none for a refusal that is about something else. */
export function faultsOf(error: unknown): FileFault[] {
  const faults = problemOf(error).details["faults"];
  return Array.isArray(faults) ? faults.flatMap(readFault) : [];
}

/** The message without the place that it begins with, for where the place is shown already. */
export function messageOf({ message, file }: FileFault): string {
  if (file === undefined) return message;
  const prefix = new RegExp(
    `^"${file.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&")}"(?:, line \\d+)?(?:, column \\d+)?: `,
  );
  const text = message.replace(prefix, "");
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

/** What to mark in the editor of one file; a fault of the whole file at its first line. */
export function marksOf(faults: readonly FileFault[], file: string): EditorFault[] {
  return faults
    .filter((fault) => fault.file === file)
    .map((fault) => ({ line: fault.line ?? 1, column: fault.column, message: messageOf(fault) }));
}

export function countByFile(faults: readonly FileFault[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { file } of faults) if (file !== undefined) counts.set(file, (counts.get(file) ?? 0) + 1);
  return counts;
}
