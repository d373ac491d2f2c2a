import { chmodSync, closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { realpathSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { sleep } from "@rciots/runtime";
import { CommandError, exitCodes, type CommandContext } from "../command.ts";

const lockAttempts = 50;
const lockAgainMs = 100;

/** As kubectl chooses what it changes: of several in KUBECONFIG the first that is there, or else the last. */
export function kubeconfigPath(given: string | undefined, env: CommandContext["env"]): string {
  if (given !== undefined) return resolve(given);
  const listed = (env["KUBECONFIG"] ?? "").split(delimiter).filter((path) => path !== "");
  const chosen = listed.find((path) => existsSync(path)) ?? listed.at(-1);
  return resolve(chosen ?? join(env["HOME"] ?? homedir(), ".kube", "config"));
}

function isTaken(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EEXIST";
}

/** The lock that kubectl takes too: neither loses what the other writes. */
async function lock(file: string): Promise<() => void> {
  const path = `${file}.lock`;
  for (let attempt = 0; attempt < lockAttempts; attempt += 1) {
    try {
      closeSync(openSync(path, "wx", 0o600));
      return () => rmSync(path, { force: true });
    } catch (error) {
      if (!isTaken(error)) throw error;
      await sleep(lockAgainMs);
    }
  }
  throw new CommandError(`Somebody is changing ${file}; where nobody is, remove ${path}.`, exitCodes.fault);
}

function readIfThere(file: string): string {
  return existsSync(file) ? readFileSync(file, "utf8") : "";
}

/** In one step, and for nobody else to read: it may hold other clusters' secrets. */
function replace(file: string, text: string): void {
  const next = `${file}.${process.pid}.next`;
  rmSync(next, { force: true });
  const descriptor = openSync(next, "wx", 0o600);
  try {
    writeFileSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  chmodSync(next, 0o600);
  renameSync(next, file);
}

/** Changes a file that others change too; a link to it stays one. */
export async function changeFile(path: string, change: (text: string) => string): Promise<void> {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const file = existsSync(path) ? realpathSync(path) : path;
    const unlock = await lock(file);
    try {
      const before = readIfThere(file);
      const after = change(before);
      if (after !== before) replace(file, after);
    } finally {
      unlock();
    }
  } catch (error) {
    if (error instanceof CommandError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandError(`${path} can't be changed: ${reason}.`, exitCodes.fault, { cause: error });
  }
}
