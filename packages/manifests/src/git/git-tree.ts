import { AppError } from "@rciots/runtime";
import { decodeText } from "../files/read-folder.ts";
import { joinPath, pathFault } from "../files/file-path.ts";
import { formatBytes, type FileLimits, type ManifestFile } from "../files/manifest-file.ts";
import { faultsError, quoted, throwFaults, type Fault } from "../manifest-fault.ts";

/** Runs git in the cache repository; `input` goes to its standard input. */
export type GitCommand = (
  args: readonly string[],
  options: { maxOutputBytes: number; input?: string },
) => Promise<Buffer>;

export interface TreeEntry {
  /** Relative to the top of the repository. */
  path: string;
  objectId: string;
  sizeBytes: number;
}

const maxListingBytes = 16 * 1024 * 1024;
const symbolicLink = "120000";
const submodule = "160000";

/** True when `path` is a folder of the commit. */
export async function isFolder(git: GitCommand, commit: string, path: string): Promise<boolean> {
  const output = await git(["ls-tree", "-z", "--full-tree", commit, "--", path], {
    maxOutputBytes: maxListingBytes,
  });
  return splitRecords(output).some((record) =>
    record.subarray(0, record.indexOf(9)).toString("latin1").startsWith("040000 tree "),
  );
}

/**
 * The files of a folder or the file at `path`, without reading them. Symbolic links, submodules and
 * unsafe names are refused by name, sizes and counts are checked before anything is read.
 */
export async function listFiles(
  git: GitCommand,
  commit: string,
  path: string,
  limits: FileLimits,
): Promise<TreeEntry[]> {
  const args = ["ls-tree", "-r", "-z", "-l", "--full-tree", commit];
  const listing = await git(path === "" ? args : [...args, "--", path], { maxOutputBytes: maxListingBytes });
  const faults: Fault[] = [];
  const entries: TreeEntry[] = [];
  for (const record of splitRecords(listing)) {
    const entry = readRecord(record, limits, faults);
    if (entry !== null) entries.push(entry);
    if (entries.length > limits.maxFiles) {
      const where = path === "" ? "The repository" : `The folder ${quoted(path)}`;
      throw faultsError(
        [
          {
            code: "too_many_files",
            message: `${where} holds more than ${limits.maxFiles} files; choose a folder within it.`,
          },
        ],
        413,
      );
    }
  }
  throwFaults(faults);
  return entries;
}

function splitRecords(listing: Buffer): Buffer[] {
  const records: Buffer[] = [];
  for (
    let start = 0, end = listing.indexOf(0);
    end !== -1;
    start = end + 1, end = listing.indexOf(0, start)
  ) {
    records.push(listing.subarray(start, end));
  }
  return records;
}

/** `<mode> SP <type> SP <object> SP+ <size> TAB <path>` */
function readRecord(record: Buffer, limits: FileLimits, faults: Fault[]): TreeEntry | null {
  const tab = record.indexOf(9);
  const [mode = "", , objectId = "", size = ""] = record.subarray(0, tab).toString("latin1").split(/ +/);
  const path = decodeText(record.subarray(tab + 1)) ?? record.subarray(tab + 1).toString("latin1");
  const refuse = (code: string, reason: string): null => {
    faults.push({ code, file: path, message: `${quoted(path)} ${reason}.` });
    return null;
  };
  const fault = pathFault(path, limits.maxPathBytes);
  if (fault !== null) return refuse("invalid_path", `cannot be used: ${fault}`);
  if (mode === symbolicLink)
    return refuse("symlink_not_allowed", "is a symbolic link; put the file itself in its place");
  if (mode === submodule)
    return refuse("submodule_not_allowed", "is a submodule; put its files in its place");
  const sizeBytes = Number(size);
  if (sizeBytes > limits.maxFileBytes)
    return refuse("file_too_large", `is larger than ${formatBytes(limits.maxFileBytes)}`);
  return { path, objectId, sizeBytes };
}

export interface ReadFiles {
  files: ManifestFile[];
  /** Paths of files that are not UTF-8 text. */
  skipped: string[];
}

/** Reads blobs through one `git cat-file --batch`; nothing is checked out. */
export async function readFiles(git: GitCommand, entries: readonly TreeEntry[]): Promise<ReadFiles> {
  const result: ReadFiles = { files: [], skipped: [] };
  if (entries.length === 0) return result;
  const overhead = 128 * entries.length;
  const maxOutputBytes = entries.reduce((sum, { sizeBytes }) => sum + sizeBytes, overhead);
  const input = entries.map(({ objectId }) => `${objectId}\n`).join("");
  const output = await git(["cat-file", "--batch"], { maxOutputBytes, input });
  let at = 0;
  for (const { path, objectId, sizeBytes } of entries) {
    const header = `${objectId} blob ${sizeBytes}\n`;
    const start = at + header.length;
    if (output.subarray(at, start).toString("latin1") !== header) throw damaged();
    const content = decodeText(output.subarray(start, start + sizeBytes));
    if (content === null) result.skipped.push(path);
    else result.files.push({ path, content });
    at = start + sizeBytes + 1;
  }
  return result;
}

function damaged(): AppError {
  return new AppError({
    code: "git_content_refused",
    status: 502,
    message: "Git's cache of the repository is damaged; try again.",
  });
}

/** A path as an operator gives it (`./deploy/`, `deploy`), checked. `` is the top. */
export function cleanPath(path: string, limits: FileLimits): string {
  const clean = path.replace(/^(?:\.\/)+/, "").replace(/\/+$/, "");
  if (clean === "" || clean === ".") return "";
  const fault = pathFault(clean, limits.maxPathBytes);
  if (fault !== null)
    throw faultsError([{ code: "invalid_path", message: `Folder ${quoted(path)}: ${fault}.` }]);
  return joinPath("", clean);
}
