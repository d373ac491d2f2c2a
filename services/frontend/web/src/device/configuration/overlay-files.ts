import { problemOf } from "../../api/problem.ts";
import type { EditorFault } from "../../components/code-editor/editor-fault.ts";

export interface OverlayFile {
  path: string;
  content: string;
}

/** Why a file can't be called so; undefined where it can. The platform checks again. */
export function pathFault(path: string, files: readonly OverlayFile[]): string | undefined {
  if (files.some((file) => file.path === path)) return "There is a file of this name.";
  const parts = path.split("/");
  if (parts.some((part) => part === "" || part === "." || part === ".."))
    return "A path is relative, with / between folders, and stays in its folder.";
  return path.length > 512 ? "At most 512 characters." : undefined;
}

/** What a refusal says of one file, by line. */
export function faultsOfFile(error: unknown, path: string): EditorFault[] {
  if (error === null || error === undefined) return [];
  const { faults } = problemOf(error).details;
  if (!Array.isArray(faults)) return [];
  return (faults as { file?: unknown; line?: unknown; message?: unknown }[]).flatMap((fault) =>
    fault.file === path && typeof fault.line === "number"
      ? [{ line: fault.line, message: String(fault.message) }]
      : [],
  );
}
