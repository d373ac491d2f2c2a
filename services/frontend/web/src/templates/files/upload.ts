import { byteLength, clashFault, fileLimits, formatBytes, nameOf, pathFault } from "./file-path.ts";
import type { DraftFiles } from "./draft-files.ts";

/** A file that somebody chose or dropped, read when it is wanted. */
export interface UploadedFile {
  /** Within what was chosen: `folder/a.yaml` for a folder. */
  path: string;
  sizeBytes: number;
  read: () => Promise<ArrayBuffer>;
}

export interface UploadOutcome {
  added: DraftFiles;
  /** What was left out, and why. */
  skipped: { path: string; reason: string }[];
}

const leftOutFolders = [".git", ".svn", ".hg", "node_modules"];
const leftOutFiles = [".DS_Store", "Thumbs.db"];

/** What no template needs is not even read. */
export function isLeftOut(path: string): boolean {
  const segments = path.split("/");
  return segments.some((name) => leftOutFolders.includes(name)) || leftOutFiles.includes(nameOf(path));
}

/** A folder that was chosen as a whole becomes the top of the template. */
export function withoutCommonFolder<File extends { path: string }>(files: readonly File[]): File[] {
  const [first] = files;
  const top = first?.path.includes("/") === true ? first.path.slice(0, first.path.indexOf("/") + 1) : null;
  if (top === null || !files.every(({ path }) => path.startsWith(top))) return [...files];
  return files.map((file) => ({ ...file, path: file.path.slice(top.length) }));
}

function decode(bytes: ArrayBuffer): string | null {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return text.includes("\0") ? null : text;
  } catch {
    return null;
  }
}

function refusal({ path, sizeBytes }: UploadedFile, files: DraftFiles, totalBytes: number): string | null {
  const fault = pathFault(path);
  if (fault !== null) return `its path ${fault}`;
  if (sizeBytes > fileLimits.maxFileBytes) return `it is larger than ${formatBytes(fileLimits.maxFileBytes)}`;
  if (!files.has(path) && files.size >= fileLimits.maxFiles) {
    return `a template has at most ${fileLimits.maxFiles} files`;
  }
  if (totalBytes + sizeBytes > fileLimits.maxTotalBytes) {
    return `a template has at most ${formatBytes(fileLimits.maxTotalBytes)}`;
  }
  const others = [...files.keys()].filter((other) => other !== path);
  return clashFault(path, others);
}

/** What can be added to a draft of what was uploaded; a file of the same path takes its place. */
export async function addUploads(
  draft: DraftFiles,
  uploads: readonly UploadedFile[],
): Promise<UploadOutcome> {
  const files = new Map(draft);
  const skipped: UploadOutcome["skipped"] = [];
  let totalBytes = [...draft.values()].reduce((sum, content) => sum + byteLength(content), 0);
  const added = new Map<string, string>();
  for (const upload of uploads) {
    if (isLeftOut(upload.path)) continue;
    const reason = refusal(upload, files, totalBytes);
    const text = reason === null ? decode(await upload.read()) : null;
    if (text === null) {
      skipped.push({ path: upload.path, reason: reason ?? "it is not UTF-8 text" });
      continue;
    }
    totalBytes += upload.sizeBytes - byteLength(files.get(upload.path) ?? "");
    files.set(upload.path, text);
    added.set(upload.path, text);
  }
  return { added, skipped };
}
