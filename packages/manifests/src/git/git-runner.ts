import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "@rciots/runtime";
import { simpleGit } from "simple-git";
import { formatBytes } from "../files/manifest-file.ts";
import { findExecutable } from "../process/find-executable.ts";
import { createRedactor, gitError } from "./git-error.ts";
import { killSession, type GitSession } from "./git-session.ts";

export interface GitRunOptions {
  session: GitSession;
  cwd: string;
  args: readonly string[];
  /** Written to git's standard input. */
  input?: string;
  maxOutputBytes: number;
  timeoutMs: number;
  signal?: AbortSignal | undefined;
}

export interface GitTools {
  /** Holds the programs git is started through. */
  binDir: string;
  /** `[major, minor]` of git. */
  version: readonly [number, number];
}

/** simple-git refuses these unless it is told that the caller vouches for them; every value is made in git-session.ts. */
const unsafe = {
  allowUnsafeCustomBinary: true,
  allowUnsafeConfigPaths: true,
  allowUnsafeSshCommand: true,
};

const allowEnvironment = [
  "GIT_DIR",
  "GIT_CONFIG_NOSYSTEM",
  "GIT_CONFIG_GLOBAL",
  "GIT_ATTR_NOSYSTEM",
  "GIT_TERMINAL_PROMPT",
  "GIT_ALLOW_PROTOCOL",
  "GIT_PROTOCOL_FROM_USER",
  "GIT_LFS_SKIP_SMUDGE",
  "GIT_NO_REPLACE_OBJECTS",
  "GIT_SSH",
  "GIT_SSH_VARIANT",
];

/**
 * Runs one git command through simple-git and gives its output as bytes. On timeout, on abort and on
 * too much output git and its children are killed. Throws AppError, never with a secret in it.
 */
export async function runGit({ binDir }: GitTools, options: GitRunOptions): Promise<Buffer> {
  const { session, cwd, args, input, maxOutputBytes, timeoutMs, signal } = options;
  const stop = new AbortController();
  let stopped: AppError | null = null;
  const end = (error: AppError): void => {
    if (stopped !== null) return;
    stopped = error;
    void killSession(session).finally(() => stop.abort());
  };
  const onAbort = (): void => end(cancelled());
  if (signal?.aborted === true) throw cancelled();
  signal?.addEventListener("abort", onAbort, { once: true });
  const timer = setTimeout(() => end(timedOut(timeoutMs)), timeoutMs);
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  try {
    const git = simpleGit({
      baseDir: cwd,
      binary: [join(binDir, "git")],
      abort: stop.signal,
      unsafe,
      allowEnvironment,
      // Output counts once all of it has been read, however long that takes after the exit.
      completion: { onClose: true, onExit: false },
      ...(input === undefined ? {} : { input: () => input }),
    });
    git.env(session.env).outputHandler((_command, stdout) => {
      stdout.on("data", (chunk: Buffer) => {
        sizeBytes += chunk.length;
        if (sizeBytes > maxOutputBytes) end(tooLarge(maxOutputBytes));
        else chunks.push(chunk);
      });
    });
    await git.raw([...args]);
  } catch (error) {
    const output = error instanceof Error ? error.message : String(error);
    throw stopped ?? gitError(output.replaceAll(session.url, "<url>"), createRedactor(session.secrets));
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
  if (stopped !== null) throw stopped as AppError;
  return Buffer.concat(chunks);
}

const cancelled = (): AppError =>
  new AppError({ code: "aborted", status: 499, message: "Reading the repository was cancelled." });

const timedOut = (timeoutMs: number): AppError =>
  new AppError({
    code: "git_timeout",
    status: 504,
    message: `The repository did not answer within ${timeoutMs / 1000} s.`,
  });

const tooLarge = (maxBytes: number): AppError =>
  new AppError({
    code: "git_too_large",
    status: 413,
    message: `The repository's answer is larger than ${formatBytes(maxBytes)}.`,
  });

/**
 * Writes the programs through which git and ssh are started, and looks at git's version. Git runs as
 * the leader of its own session where `setsid` is, so that it can be ended with all its children,
 * and under limits of the system for the size of a file it writes and for its memory. Throws
 * AppError `git_unavailable`.
 */
export async function prepareGit(binDir: string, pathEnv: string, maxFileBytes: number): Promise<GitTools> {
  const git = await findExecutable("git", { pathEnv });
  const unavailable = (message: string): AppError =>
    new AppError({ code: "git_unavailable", status: 503, message });
  if (git === null) throw unavailable("There is no git on the platform's machine.");
  const setsid = await findExecutable("setsid", { pathEnv });
  await mkdir(binDir, { recursive: true, mode: 0o700 });
  const leader = setsid === null ? "" : `${shellQuote(setsid)} `;
  await writeProgram(join(binDir, "git"), [
    // Units: blocks of 512 bytes, KiB. A shell that lacks one of them goes without.
    "ulimit -c 0 2>/dev/null",
    `ulimit -f ${Math.ceil(maxFileBytes / 512)} 2>/dev/null`,
    "ulimit -v 4194304 2>/dev/null",
    'echo "$$" > "$RCIOTS_PID_FILE" || exit 1',
    `exec ${leader}${shellQuote(git)} "$@"`,
  ]);
  await writeProgram(join(binDir, "ssh"), ['exec ssh -F "$RCIOTS_SSH_CONFIG" "$@"']);
  const version = await simpleGit({ binary: [git], unsafe })
    .env({ PATH: pathEnv, LANG: "C" })
    .version();
  if (!version.installed) throw unavailable("Git does not run on the platform's machine.");
  return { binDir, version: [version.major, version.minor] };
}

/** Written beside and moved, so that a program in use is never half there. */
async function writeProgram(file: string, lines: readonly string[]): Promise<void> {
  const draft = `${file}.${process.pid}.new`;
  await writeFile(draft, `#!/bin/sh\n${lines.join("\n")}\n`, { mode: 0o700 });
  await rename(draft, file);
}

function shellQuote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
