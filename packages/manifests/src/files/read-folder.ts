import { constants } from "node:fs";
import { lstat, open, opendir } from "node:fs/promises";
import { join } from "node:path";
import { faultsError, quoted, type Fault } from "../manifest-fault.ts";
import { joinPath, pathFault } from "./file-path.ts";
import { defaultFileLimits, formatBytes, type FileLimits, type ManifestFile } from "./manifest-file.ts";

export interface ReadFolderOptions {
  limits?: Partial<FileLimits>;
}

/**
 * Reads a folder of this machine into manifest files, sorted by path; `.git` is left out. Symbolic
 * links and special files are refused by name; a file over the limit is refused by its size, before
 * a byte of it is read. Throws an AppError that names the file.
 */
export async function readManifestFolder(
  folder: string,
  options: ReadFolderOptions = {},
): Promise<ManifestFile[]> {
  const limits = { ...defaultFileLimits, ...options.limits };
  const files: ManifestFile[] = [];
  let totalBytes = 0;
  for await (const { path, sizeBytes } of walk(folder, "", limits)) {
    totalBytes += sizeBytes;
    if (files.length >= limits.maxFiles)
      fail({ code: "too_many_files", message: `The folder holds more than ${limits.maxFiles} files.` });
    if (totalBytes > limits.maxTotalBytes) {
      const message = `The files are larger than ${formatBytes(limits.maxTotalBytes)} together.`;
      fail({ code: "files_too_large", message });
    }
    files.push({ path, content: await readText(join(folder, path), path, limits) });
  }
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function* walk(
  top: string,
  folder: string,
  limits: FileLimits,
): AsyncGenerator<{ path: string; sizeBytes: number }> {
  for await (const { name } of await opendir(join(top, folder))) {
    if (name === ".git") continue;
    const path = joinPath(folder, name);
    const fault = pathFault(path, limits.maxPathBytes);
    if (fault !== null) fail({ code: "invalid_path", file: path, message: `${quoted(path)}: ${fault}.` });
    const stats = await lstat(join(top, path));
    if (stats.isDirectory()) yield* walk(top, path, limits);
    else if (!stats.isFile()) {
      const kind = stats.isSymbolicLink() ? "a symbolic link" : "not a regular file";
      fail({ code: "file_not_regular", file: path, message: `${quoted(path)} is ${kind}.` });
    } else yield { path, sizeBytes: checkSize(path, stats.size, limits) };
  }
}

function checkSize(path: string, sizeBytes: number, limits: FileLimits): number {
  if (sizeBytes <= limits.maxFileBytes) return sizeBytes;
  const message = `${quoted(path)} is larger than ${formatBytes(limits.maxFileBytes)}.`;
  return fail({ code: "file_too_large", file: path, message });
}

/** O_NOFOLLOW: a link put in the file's place since it was looked at is refused by the system. */
async function readText(file: string, path: string, limits: FileLimits): Promise<string> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const buffer = Buffer.alloc(limits.maxFileBytes + 1);
    let length = 0;
    while (length < buffer.length) {
      const { bytesRead } = await handle.read(buffer, length, buffer.length - length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    checkSize(path, length, limits);
    return (
      decodeText(buffer.subarray(0, length)) ??
      fail({ code: "file_not_text", file: path, message: `${quoted(path)} is not UTF-8 text.` })
    );
  } finally {
    await handle.close();
  }
}

/** UTF-8 text, without a byte order mark; null for anything else. */
export function decodeText(bytes: Uint8Array): string | null {
  if (bytes.includes(0)) return null;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

function fail(fault: Fault): never {
  throw faultsError([fault]);
}
