import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "@rciots/runtime";
import { formatBytes, type FileLimits } from "../files/manifest-file.ts";
import { refNotFound, type ResolvedRef } from "./git-ref.ts";
import type { GitCommand } from "./git-tree.ts";
import type { GitUrl } from "./git-url.ts";

export interface GitLimits extends FileLimits {
  /** Of what one fetch may bring, and of a repository's cache; default 256 MiB. */
  maxRepositoryBytes: number;
}

/** A bare repository that keeps what was fetched from one URL for one scope. */
export interface GitCache {
  git: GitCommand;
  url: GitUrl;
  /** Its folder. */
  repository: string;
}

const mib = 1024 * 1024;
/** Where a fetched commit is kept, so that it is part of the cache. */
const fetchedRef = "refs/rciots/fetched";

/** Fetches unless the cache has the commit; the remote has just shown that it may be read. */
export async function obtain(
  { git, url, repository }: GitCache,
  { commit, ref }: ResolvedRef,
  wanted: string,
  limits: GitLimits,
): Promise<string> {
  if (await hasCommit(git, commit)) return commit;
  await dropLargeCache(git, repository, limits);
  const fetch = (args: readonly string[]): Promise<void> => fetchBounded(git, args, repository, limits);
  if (ref !== null) {
    await fetch(["--depth=1", "--", url.url, `+${ref}:${fetchedRef}`]);
    // The branch may have moved since it was asked for: what was fetched counts.
    return (await git(["rev-parse", "--verify", `${fetchedRef}^{commit}`], { maxOutputBytes: 1024 }))
      .toString()
      .trim();
  }
  try {
    await fetch(["--depth=1", "--", url.url, `+${commit}:${fetchedRef}`]);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "git_ref_not_found") throw error;
    // The server gives out tips only: the commit must be in the history of one.
    await fetch(["--", url.url, "+refs/heads/*:refs/rciots/heads/*", "+refs/tags/*:refs/rciots/tags/*"]);
  }
  if (!(await hasCommit(git, commit))) throw refNotFound(wanted);
  return commit;
}

/**
 * One pack of at most the limit: the system ends the writer of a larger one, and git can only say
 * that its child went away, so the size of what was written tells the reason.
 */
async function fetchBounded(
  git: GitCommand,
  args: readonly string[],
  repository: string,
  limits: GitLimits,
): Promise<void> {
  const options = ["--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--force"];
  try {
    await git(["fetch", ...options, ...args], { maxOutputBytes: mib });
  } catch (error) {
    if ((await largestFile(join(repository, "objects"))) < limits.maxRepositoryBytes - 8192) throw error;
    const message = `The repository is larger than ${formatBytes(limits.maxRepositoryBytes)}.`;
    throw new AppError({ code: "git_too_large", status: 413, message, cause: error });
  }
}

async function hasCommit(git: GitCommand, commit: string): Promise<boolean> {
  try {
    await git(["cat-file", "-t", `${commit}^{commit}`], { maxOutputBytes: 1024 });
    return true;
  } catch (error) {
    if (error instanceof AppError && ["git_failed", "git_content_refused"].includes(error.code)) return false;
    throw error;
  }
}

/** Every fetch adds a pack; a cache that has grown is begun anew. */
async function dropLargeCache(git: GitCommand, repository: string, limits: GitLimits): Promise<void> {
  if ((await folderBytes(join(repository, "objects"))) < limits.maxRepositoryBytes) return;
  await rm(repository, { recursive: true, force: true });
  await mkdir(repository, { recursive: true, mode: 0o700 });
  await initialise(git, repository);
}

export async function initialise(git: GitCommand, repository: string): Promise<void> {
  if (await isFile(join(repository, "HEAD"))) return;
  await git(["init", "--bare", "--quiet"], { maxOutputBytes: mib });
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

async function fileSizes(folder: string): Promise<number[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  // A temporary file may be gone by now.
  return Promise.all(files.map(async (file) => (await stat(file).catch(() => null))?.size ?? 0));
}

async function folderBytes(folder: string): Promise<number> {
  return (await fileSizes(folder)).reduce((sum, sizeBytes) => sum + sizeBytes, 0);
}

async function largestFile(folder: string): Promise<number> {
  return Math.max(0, ...(await fileSizes(folder)));
}
