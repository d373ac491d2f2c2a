import { useMemo, useState } from "react";
import { isSameDraft, renamed, withFile, withoutPath, type DraftFiles } from "./draft-files.ts";
import { byteLength, kustomizationFolders } from "./file-path.ts";
import type { TreeNode } from "./file-tree.ts";
import { addUploads, type UploadOutcome, type UploadedFile } from "./upload.ts";

export type Draft = ReturnType<typeof useDraft>;

const firstOf = (files: DraftFiles): string | null =>
  [...files.keys()].find((path) => /(^|\/)kustomization\.ya?ml$/i.test(path)) ??
  files.keys().next().value ??
  null;

/** Files while they are edited: what is open and selected, and whether anything differs from what was there. */
export function useDraft(saved: DraftFiles, savedRoot: string) {
  const [files, setFiles] = useState(saved);
  const [selected, setSelected] = useState<string | null>(() => firstOf(saved));
  const [opened, setOpened] = useState(selected);
  const [chosenRoot, setRoot] = useState(savedRoot);
  const folders = useMemo(() => kustomizationFolders(files.keys()), [files]);
  const root = folders.includes(chosenRoot) ? chosenRoot : (folders[0] ?? "");
  const open = opened !== null && files.has(opened) ? opened : firstOf(files);

  const show = (path: string | null): void => {
    setSelected(path);
    if (path !== null) setOpened(path);
  };
  return {
    files,
    root,
    setRoot,
    /** Folders that can be built. */
    folders,
    selected,
    /** The file in the editor. */
    open,
    show,
    select(node: TreeNode): void {
      if (node.kind === "file") show(node.path);
      else setSelected(node.path);
    },
    write: (path: string, content: string): void => setFiles((before) => withFile(before, path, content)),
    add(path: string, content = ""): void {
      setFiles((before) => withFile(before, path, content));
      show(path);
    },
    rename(from: string, to: string): void {
      setFiles((before) => renamed(before, from, to));
      show(files.has(from) ? to : null);
    },
    remove(path: string): void {
      setFiles((before) => withoutPath(before, path));
      setSelected(null);
    },
    async upload(uploads: readonly UploadedFile[]): Promise<UploadOutcome> {
      const outcome = await addUploads(files, uploads);
      setFiles(outcome.files);
      if (open === null) show(firstOf(outcome.files));
      return outcome;
    },
    replace(next: DraftFiles): void {
      setFiles(next);
      show(firstOf(next));
    },
    isDirty: useMemo(() => !isSameDraft(files, saved) || root !== savedRoot, [files, saved, root, savedRoot]),
    totalBytes: useMemo(
      () => [...files.values()].reduce((sum, content) => sum + byteLength(content), 0),
      [files],
    ),
  };
}
