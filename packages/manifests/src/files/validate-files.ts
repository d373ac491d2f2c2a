import { quoted, throwFaults, type Fault } from "../manifest-fault.ts";
import { foldPath, joinPath, loneSurrogate, parentFolder, pathFault } from "./file-path.ts";
import {
  defaultFileLimits,
  formatBytes,
  kustomizationNames,
  type FileLimits,
  type ManifestFile,
} from "./manifest-file.ts";

export interface ValidateFilesOptions {
  limits?: Partial<FileLimits>;
  /** The folder that must hold the kustomization; `` is the top. Null: none is needed (an overlay's files). */
  root?: string | null;
}

/**
 * Checks files from outside: shape, paths, sizes, uniqueness, a kustomization at the root. Returns
 * copies with nothing but `path` and `content`. Throws one AppError that lists every fault by file.
 */
export function validateManifestFiles(files: unknown, options: ValidateFilesOptions = {}): ManifestFile[] {
  const limits = { ...defaultFileLimits, ...options.limits };
  const checked = checkShape(files, limits);
  const faults = [...checkPaths(checked, limits), ...checkSizes(checked, limits)];
  throwFaults(faults);
  const root = options.root === undefined ? "" : options.root;
  if (root !== null) throwFaults(checkRoot(checked, root, limits));
  return checked;
}

function checkShape(files: unknown, limits: FileLimits): ManifestFile[] {
  if (!Array.isArray(files)) {
    throwFaults([{ code: "invalid_files", message: "Files must be a list of {path, content}." }]);
    return [];
  }
  if (files.length > limits.maxFiles) {
    throwFaults([
      {
        code: "too_many_files",
        message: `There are ${files.length} files; at most ${limits.maxFiles} are allowed.`,
      },
    ]);
  }
  const faults: Fault[] = [];
  const checked: ManifestFile[] = [];
  files.forEach((file: unknown, index) => {
    const { path, content } = (typeof file === "object" && file !== null ? file : {}) as Record<
      string,
      unknown
    >;
    if (typeof path === "string" && typeof content === "string") return checked.push({ path, content });
    const name = typeof path === "string" ? quoted(path) : `Number ${index + 1}`;
    return faults.push({
      code: "invalid_file",
      message: `${name} must have a path and a content, both strings.`,
    });
  });
  throwFaults(faults);
  return checked;
}

function checkPaths(files: readonly ManifestFile[], limits: FileLimits): Fault[] {
  const faults: Fault[] = [];
  const seen = new Map<string, string>();
  for (const { path } of files) {
    const fault = pathFault(path, limits.maxPathBytes);
    if (fault !== null) {
      faults.push({ code: "invalid_path", file: path, message: `${quoted(path)}: ${fault}.` });
      continue;
    }
    const twin = seen.get(foldPath(path));
    if (twin === undefined) seen.set(foldPath(path), path);
    else {
      const reason =
        twin === path ? "is there twice" : `differs from ${quoted(twin)} only in case or accents`;
      faults.push({ code: "duplicate_path", file: path, message: `${quoted(path)} ${reason}.` });
    }
  }
  return [...faults, ...checkFolderClashes(seen)];
}

/** `a` and `a/b` cannot both be files. */
function checkFolderClashes(seen: ReadonlyMap<string, string>): Fault[] {
  const faults: Fault[] = [];
  for (const [folded, path] of seen) {
    for (let folder = parentFolder(folded); folder !== ""; folder = parentFolder(folder)) {
      const file = seen.get(folder);
      if (file === undefined) continue;
      const message = `${quoted(path)} needs a folder where ${quoted(file)} is a file.`;
      faults.push({ code: "duplicate_path", file: path, message });
    }
  }
  return faults;
}

function checkSizes(files: readonly ManifestFile[], limits: FileLimits): Fault[] {
  const faults: Fault[] = [];
  let totalBytes = 0;
  for (const { path, content } of files) {
    // The length in UTF-16 units is a lower bound of the bytes: a huge string is refused without being counted.
    const sizeBytes = content.length > limits.maxFileBytes ? content.length : Buffer.byteLength(content);
    totalBytes += sizeBytes;
    if (sizeBytes > limits.maxFileBytes) {
      const message = `${quoted(path)} is larger than ${formatBytes(limits.maxFileBytes)}.`;
      faults.push({ code: "file_too_large", file: path, message });
    } else if (content.includes("\0") || loneSurrogate.test(content)) {
      faults.push({ code: "file_not_text", file: path, message: `${quoted(path)} is not UTF-8 text.` });
    }
  }
  if (totalBytes > limits.maxTotalBytes) {
    const message = `The files are larger than ${formatBytes(limits.maxTotalBytes)} together.`;
    faults.push({ code: "files_too_large", message });
  }
  return faults;
}

function checkRoot(files: readonly ManifestFile[], root: string, limits: FileLimits): Fault[] {
  const rootFault = root === "" ? null : pathFault(root, limits.maxPathBytes);
  if (rootFault !== null) return [{ code: "invalid_path", message: `Folder ${quoted(root)}: ${rootFault}.` }];
  const found = findKustomizations(files, root);
  const place = root === "" ? "at the top of the files" : `in ${quoted(root)}`;
  if (found.length === 0) {
    const message = `There is no kustomization.yaml, kustomization.yml or Kustomization ${place}.`;
    return [{ code: "kustomization_missing", message, file: joinPath(root, "kustomization.yaml") }];
  }
  if (found.length === 1) return [];
  const message = `There is more than one kustomization ${place}: ${found.join(", ")}.`;
  return [{ code: "kustomization_ambiguous", message, file: found[0] ?? root }];
}

/** The kustomizations directly in a folder: none, one, or (a fault) more. */
export function findKustomizations(files: readonly ManifestFile[], folder: string): string[] {
  const wanted = new Set(kustomizationNames.map((name) => joinPath(folder, name)));
  return files.filter(({ path }) => wanted.has(path)).map(({ path }) => path);
}
