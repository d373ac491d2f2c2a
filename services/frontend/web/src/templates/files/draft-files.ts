import { byteLength, clashFault } from "./file-path.ts";

/** Files of a template while they are edited: content by path. */
export type DraftFiles = ReadonlyMap<string, string>;

export const draftOf = (files: Iterable<{ path: string; content: string }>): DraftFiles =>
  new Map([...files].map(({ path, content }) => [path, content]));

export const filesOf = (draft: DraftFiles): { path: string; content: string }[] =>
  [...draft].map(([path, content]) => ({ path, content }));

export function withFile(draft: DraftFiles, path: string, content: string): DraftFiles {
  return new Map(draft).set(path, content);
}

const isWithin = (path: string, target: string): boolean => path === target || path.startsWith(`${target}/`);

/** Without a file, or a folder and all that is in it. */
export function withoutPath(draft: DraftFiles, target: string): DraftFiles {
  return new Map([...draft].filter(([path]) => !isWithin(path, target)));
}

/** A file, or a folder with all that is in it, under another path. */
export function renamed(draft: DraftFiles, from: string, to: string): DraftFiles {
  return new Map(
    [...draft].map(([path, content]) => [
      isWithin(path, from) ? to + path.slice(from.length) : path,
      content,
    ]),
  );
}

/** Why a file or folder can't be renamed so; null where it can. */
export function renameFault(draft: DraftFiles, from: string, to: string): string | null {
  const others = [...draft.keys()].filter((path) => !isWithin(path, from));
  return clashFault(to, others);
}

export function isSameDraft(a: DraftFiles, b: DraftFiles): boolean {
  return a.size === b.size && [...a].every(([path, content]) => b.get(path) === content);
}

/** Files with what is told of them; kept up as they are edited, so that a keystroke costs no pass over all. */
export interface DraftState {
  files: DraftFiles;
  /** The same list as long as no file comes, goes or is renamed. */
  paths: readonly string[];
  totalBytes: number;
}

export function stateOf(files: DraftFiles): DraftState {
  const totalBytes = [...files.values()].reduce((sum, content) => sum + byteLength(content), 0);
  return { files, paths: [...files.keys()], totalBytes };
}

/** With other content of a file that is there. */
export function written(state: DraftState, path: string, content: string): DraftState {
  const before = state.files.get(path);
  if (before === undefined) return stateOf(withFile(state.files, path, content));
  const totalBytes = state.totalBytes + byteLength(content) - byteLength(before);
  return { files: withFile(state.files, path, content), paths: state.paths, totalBytes };
}

export interface FileChange {
  path: string;
  kind: "added" | "removed" | "changed";
}

/** What differs between two sets of files, given a text or a hash for each path; by path. */
export function changesBetween(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): FileChange[] {
  const changes: FileChange[] = [];
  for (const path of before.keys()) if (!after.has(path)) changes.push({ path, kind: "removed" });
  for (const [path, content] of after) {
    if (!before.has(path)) changes.push({ path, kind: "added" });
    else if (before.get(path) !== content) changes.push({ path, kind: "changed" });
  }
  return changes.sort((a, b) => a.path.localeCompare(b.path));
}
