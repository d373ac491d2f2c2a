import { chmodSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { CommandError, type CommandContext } from "../command.ts";

/** Which platform, who one is there, and how to know it. */
export interface Profile {
  /** Of the console, such as `https://console.example.com`. */
  url: string;
  token: string;
  /** File of certificates to trust instead of the system's. */
  caFile?: string;
  /** SHA-256 of a certificate of the platform. */
  caFingerprint?: string;
}

type Env = CommandContext["env"];

/** `RCIOTS_CONFIG`, or `rciots/config.json` where the system keeps configuration. */
export function configFile(env: Env): string {
  const home = env["HOME"] ?? homedir();
  return (
    env["RCIOTS_CONFIG"] ?? join(env["XDG_CONFIG_HOME"] ?? join(home, ".config"), "rciots", "config.json")
  );
}

/** Undefined where nobody has logged in. Throws where others could read the token. */
export function readProfile(file: string): Profile | undefined {
  let text: string;
  try {
    const { mode } = lstatSync(file);
    if ((mode & 0o077) !== 0) {
      throw new CommandError(`Others may read ${file}, and the token in it: chmod 600 ${file}.`);
    }
    text = readFileSync(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
  try {
    return JSON.parse(text) as Profile;
  } catch {
    throw new CommandError(`${file} can't be read; log in again.`);
  }
}

/** In one step, and for nobody else to read. */
export function writeProfile(file: string, profile: Profile): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const next = `${file}.${process.pid}.next`;
  rmSync(next, { force: true });
  writeFileSync(next, `${JSON.stringify(profile, null, 2)}\n`, { mode: 0o600, flag: "wx" });
  chmodSync(next, 0o600);
  renameSync(next, file);
}

export function removeProfile(file: string): void {
  rmSync(file, { force: true });
}
