import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { AppError, createKeyedSemaphore, createSemaphore } from "@rciots/runtime";
import { defaultFileLimits } from "../files/manifest-file.ts";
import { lookUpHost, resolveAddresses, type LookUpHost } from "./git-address.ts";
import { initialise, obtain, type GitCache, type GitLimits } from "./git-cache.ts";
import { checkRef, isCommitId, refNotFound, resolveRef } from "./git-ref.ts";
import {
  defaultGitPolicy,
  type GitFetchRequest,
  type GitPolicy,
  type GitRemote,
  type GitResolveRequest,
} from "./git-request.ts";
import { prepareGit, runGit, type GitTools } from "./git-runner.ts";
import { openGitSession, repositoryKey, type GitSession } from "./git-session.ts";
import { readSnapshot, type GitSnapshot } from "./git-snapshot.ts";
import { cleanPath, type GitCommand } from "./git-tree.ts";
import { parseGitUrl, type GitUrl } from "./git-url.ts";

export interface GitSourceOptions {
  /** A folder of this process alone: bare repositories, and short-lived files of operations. */
  cacheDir: string;
  /** Where git, ssh and setsid are looked for. */
  pathEnv: string;
  policy?: Partial<GitPolicy>;
  limits?: Partial<GitLimits>;
  /** Of one git command; default 60 s. */
  timeoutMs?: number;
  /** Operations at the same time, half of them for one scope; default 4. */
  maxConcurrent?: number;
  /** For tests. */
  lookUp?: LookUpHost;
}

export interface GitSource {
  /** What a ref is now: one round trip, nothing is fetched. Throws AppError with a `git_*` code. */
  resolve: (request: GitResolveRequest) => Promise<{ commit: string; ref: string | null }>;
  /**
   * Fetches one commit (depth 1) and reads `path` and every folder its kustomizations refer to,
   * without a checkout. Throws AppError with a `git_*` code, or with the faults of files.
   */
  fetch: (request: GitFetchRequest) => Promise<GitSnapshot>;
}

const mib = 1024 * 1024;
/** An operation's files that are older belong to a process that was killed. */
const staleMs = 3_600_000;
/** The first git that can be told which address a host has (http.curloptResolve). */
const pinningVersion = [2, 37] as const;

export function createGitSource(options: GitSourceOptions): GitSource {
  const policy = { ...defaultGitPolicy, ...options.policy };
  const limits = { ...defaultFileLimits, maxRepositoryBytes: 256 * mib, ...options.limits };
  const { cacheDir, pathEnv, timeoutMs = 60_000, lookUp = lookUpHost } = options;
  const workDir = join(cacheDir, "work");
  const maxConcurrent = options.maxConcurrent ?? 4;
  const semaphore = createSemaphore(maxConcurrent);
  const oneAtATime = createKeyedSemaphore(1);
  // Hanging servers of one organisation must not keep the others waiting.
  const perScope = createKeyedSemaphore(Math.max(1, Math.floor(maxConcurrent / 2)));
  let prepared: Promise<GitTools> | null = null;

  const prepare = async (): Promise<GitTools> => {
    prepared ??= (async () => {
      await mkdir(workDir, { recursive: true, mode: 0o700 });
      await removeStale(workDir);
      return prepareGit(join(cacheDir, "bin"), pathEnv, limits.maxRepositoryBytes);
    })();
    try {
      return await prepared;
    } catch (error) {
      // Git may be installed later.
      prepared = null;
      throw error;
    }
  };

  /** Looks the host up, checks its addresses and prepares the files of one operation. */
  const openSession = async (
    tools: GitTools,
    url: GitUrl,
    remote: GitRemote,
    repository: string,
  ): Promise<GitSession> => {
    const addresses =
      url.host === "" ? [] : await resolveAddresses(url, policy.allowPrivateAddresses, lookUp);
    checkPinning(tools, url, policy);
    const learnedHosts = join(cacheDir, "known_hosts");
    for (const folder of [learnedHosts, repository]) await mkdir(folder, { recursive: true, mode: 0o700 });
    const learnedHostsFile = join(learnedHosts, repositoryKey(remote.scope, "known_hosts"));
    const { binDir } = tools;
    return openGitSession({
      workDir,
      binDir,
      pathEnv,
      url,
      addresses,
      remote,
      policy,
      repository,
      learnedHostsFile,
      timeoutMs,
    });
  };

  /** Waits for the repository's turn and runs `work` in a session of its own. */
  const operate = async <T>(remote: GitRemote, work: (cache: GitCache) => Promise<T>): Promise<T> => {
    const url = parseGitUrl(remote.url, policy);
    const tools = await prepare();
    const key = repositoryKey(remote.scope, url.url);
    const repository = join(cacheDir, "repositories", key);
    const inTurn = async (): Promise<T> => {
      const session = await openSession(tools, url, remote, repository);
      const git: GitCommand = (args, options) =>
        runGit(tools, { ...options, session, cwd: repository, args, timeoutMs, signal: remote.signal });
      try {
        await initialise(git, repository);
        return await work({ url, repository, git });
      } catch (error) {
        // A git that was stopped or fell over may leave locks and half a pack behind.
        if (isUnclean(error)) await rm(repository, { recursive: true, force: true });
        throw error;
      } finally {
        await session.remove();
      }
    };
    return perScope(remote.scope, () => oneAtATime(key, () => semaphore.run(inTurn)));
  };

  return {
    resolve: async (request) => {
      const { ref = "" } = request;
      if (ref !== "") checkRef(ref);
      return operate(request, ({ git, url }) => resolveRef(git, url.url, ref));
    },
    fetch: async (request) => {
      const wanted = request.commit ?? request.ref ?? "";
      if (request.commit !== undefined && !isCommitId(request.commit)) throw refNotFound(request.commit);
      if (wanted !== "") checkRef(wanted);
      const root = cleanPath(request.path ?? "", limits);
      return operate(request, async (cache) => {
        const resolved = await resolveRef(cache.git, cache.url.url, wanted);
        const commit = await obtain(cache, resolved, wanted, limits);
        return readSnapshot(cache.git, commit, root, limits);
      });
    },
  };
}

function isUnclean(error: unknown): boolean {
  if (!(error instanceof AppError)) return true;
  return ["git_timeout", "git_too_large", "git_content_refused", "git_failed", "aborted"].includes(
    error.code,
  );
}

function checkPinning(
  { version }: GitTools,
  { transport }: GitUrl,
  { allowPrivateAddresses }: GitPolicy,
): void {
  const [major, minor] = version;
  const canPin = major > pinningVersion[0] || (major === pinningVersion[0] && minor >= pinningVersion[1]);
  if (canPin || allowPrivateAddresses || transport === "ssh" || transport === "file") return;
  const message = `The platform's git ${major}.${minor} is too old to keep a host at its checked address; install ${pinningVersion.join(".")} or newer.`;
  throw new AppError({ code: "git_unavailable", status: 503, message });
}

async function removeStale(workDir: string): Promise<void> {
  for (const name of await readdir(workDir)) {
    const { mtimeMs } = await stat(join(workDir, name));
    if (Date.now() - mtimeMs > staleMs) await rm(join(workDir, name), { recursive: true, force: true });
  }
}
