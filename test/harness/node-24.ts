import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";

/**
 * Puts the Node that the images have at `bin/node` below `folder`, where every user may run it, from npm's registry or
 * npm's cache. Returns why there is none, or undefined.
 */
export function installNode24(folder: string): string | undefined {
  try {
    const args = ["--yes", "--prefer-offline", "--package=node@24", "node", "-p", "process.execPath"];
    const path = execFileSync("npx", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
    mkdirSync(join(folder, "bin"), { recursive: true });
    copyFileSync(path, join(folder, "bin/node"));
    chmodSync(join(folder, "bin/node"), 0o755);
    return undefined;
  } catch (error) {
    return `npx could not get Node 24: ${String(error).split("\n")[0] ?? ""}`;
  }
}
