import { useCallback, useMemo, useState } from "react";
import type { EditorTarget } from "../../components/code-editor/editor-fault.ts";
import {
  isSameDraft,
  renamed,
  stateOf,
  withFile,
  withoutPath,
  written,
  type DraftFiles,
} from "./draft-files.ts";
import { firstFile, kustomizationFolders } from "./file-path.ts";
import type { FileFault } from "./faults.ts";
import type { TreeNode } from "./file-tree.ts";
import { addUploads, type UploadOutcome, type UploadedFile } from "./upload.ts";

export type Draft = ReturnType<typeof useDraft>;

const firstOf = (files: DraftFiles): string | null => firstFile([...files.keys()]);

/** Files while they are edited: what is open and selected, and whether anything differs from what was there. */
export function useDraft(saved: DraftFiles, savedRoot: string) {
  const [{ files, paths, totalBytes }, setState] = useState(() => stateOf(saved));
  const change = (edit: (before: DraftFiles) => DraftFiles): void =>
    setState((before) => stateOf(edit(before.files)));
  const [selected, setSelected] = useState<string | null>(() => firstOf(saved));
  const [opened, setOpened] = useState(selected);
  const [target, setTarget] = useState<EditorTarget>();
  const [chosenRoot, setRoot] = useState(savedRoot);
  const folders = useMemo(() => kustomizationFolders(paths), [paths]);
  const root = folders.includes(chosenRoot) ? chosenRoot : (folders[0] ?? "");
  const open = opened !== null && files.has(opened) ? opened : firstOf(files);

  const show = (path: string | null): void => {
    setTarget(undefined);
    setSelected(path);
    if (path !== null) setOpened(path);
  };
  const select = useCallback((node: TreeNode): void => {
    setTarget(undefined);
    setSelected(node.path);
    if (node.kind === "file") setOpened(node.path);
  }, []);
  return {
    files,
    paths,
    totalBytes,
    root,
    setRoot,
    /** Folders that can be built. */
    folders,
    selected,
    /** The file in the editor. */
    open,
    select,
    /** The place in the open file that was asked for last. */
    target,
    /** Opens the file of a fault at its place. */
    reveal({ file, line = 1, column }: FileFault): void {
      if (file === undefined || !files.has(file)) return;
      show(file);
      setTarget({ line, column });
    },
    write: (path: string, content: string): void => setState((before) => written(before, path, content)),
    add(path: string, content = ""): void {
      change((before) => withFile(before, path, content));
      show(path);
    },
    rename(from: string, to: string): void {
      change((before) => renamed(before, from, to));
      show(files.has(from) ? to : null);
    },
    remove(path: string): void {
      change((before) => withoutPath(before, path));
      setSelected(null);
    },
    async upload(uploads: readonly UploadedFile[]): Promise<UploadOutcome> {
      const outcome = await addUploads(files, uploads);
      // What was typed while they were read stays.
      change((before) => new Map([...before, ...outcome.added]));
      if (open === null) show(firstOf(outcome.added));
      return outcome;
    },
    replace(next: DraftFiles): void {
      change(() => next);
      show(firstOf(next));
    },
    isDirty: useMemo(() => !isSameDraft(files, saved) || root !== savedRoot, [files, saved, root, savedRoot]),
  };
}
