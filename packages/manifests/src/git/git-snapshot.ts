import { AppError } from "@rciots/runtime";
import { formatBytes, type FileLimits, type ManifestFile } from "../files/manifest-file.ts";
import { missingReferences } from "../kustomize/kustomization-policy.ts";
import { faultsError, quoted } from "../manifest-fault.ts";
import { isFolder, listFiles, readFiles, type GitCommand, type TreeEntry } from "./git-tree.ts";

export interface GitSnapshot {
  commit: string;
  /** Paths are relative to the top of the repository. */
  files: ManifestFile[];
  /** The folder to render: the `path` asked for. */
  root: string;
  /** The commit message's first line. */
  subject: string;
  author: { name: string; email: string };
  /** ISO 8601. */
  committedAt: string;
  /** Files that are not UTF-8 text and were left out. */
  skipped: string[];
}

const mib = 1024 * 1024;
/** Base folders of base folders; real ones are two or three deep. */
const maxReferenceRounds = 20;

/** Reads what a commit holds in `root` and in every folder its kustomizations refer to. */
export async function readSnapshot(
  git: GitCommand,
  commit: string,
  root: string,
  limits: FileLimits,
): Promise<GitSnapshot> {
  if (root !== "" && !(await isFolder(git, commit, root))) {
    throw new AppError({
      code: "git_path_not_found",
      status: 422,
      message: `The repository has no folder ${quoted(root)} at ${commit.slice(0, 12)}.`,
    });
  }
  const about = await readCommit(git, commit);
  return { commit, root, ...about, ...(await readClosure(git, commit, root, limits)) };
}

/** The folder, then what its kustomizations name outside it, until nothing new is named. */
async function readClosure(
  git: GitCommand,
  commit: string,
  root: string,
  limits: FileLimits,
): Promise<Pick<GitSnapshot, "files" | "skipped">> {
  const known = new Map<string, TreeEntry>();
  const files: ManifestFile[] = [];
  const skipped: string[] = [];
  const asked = new Set<string>();
  let wanted = [root];
  for (let round = 0; wanted.length > 0 && round < maxReferenceRounds; round += 1) {
    const added: TreeEntry[] = [];
    for (const path of wanted) {
      asked.add(path);
      for (const entry of await listFiles(git, commit, path, limits)) {
        if (known.has(entry.path)) continue;
        known.set(entry.path, entry);
        added.push(entry);
      }
    }
    checkTotals(known, limits);
    const read = await readFiles(git, added);
    files.push(...read.files);
    skipped.push(...read.skipped);
    wanted = (await missingReferences(files, root)).filter((path) => !asked.has(path));
  }
  files.sort((a, b) => (a.path < b.path ? -1 : 1));
  return { files, skipped };
}

function checkTotals(known: ReadonlyMap<string, TreeEntry>, limits: FileLimits): void {
  if (known.size > limits.maxFiles) {
    throw faultsError(
      [
        {
          code: "too_many_files",
          message: `The folder and its bases hold more than ${limits.maxFiles} files.`,
        },
      ],
      413,
    );
  }
  const totalBytes = [...known.values()].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  if (totalBytes <= limits.maxTotalBytes) return;
  throw faultsError(
    [
      {
        code: "files_too_large",
        message: `The files are larger than ${formatBytes(limits.maxTotalBytes)} together.`,
      },
    ],
    413,
  );
}

async function readCommit(
  git: GitCommand,
  commit: string,
): Promise<Pick<GitSnapshot, "subject" | "author" | "committedAt">> {
  const format = "--format=%cI%x00%an%x00%ae%x00%s";
  const output = await git(["log", "-1", "--no-show-signature", "--no-notes", format, commit, "--"], {
    maxOutputBytes: mib,
  });
  const [committedAt = "", name = "", email = "", subject = ""] = output.toString().trimEnd().split("\0");
  const clean = (text: string): string => quoted(text, 300).slice(1, -1);
  return { subject: clean(subject), author: { name: clean(name), email: clean(email) }, committedAt };
}
