// Runs before anything is installed, so it uses Node alone.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));

export function say(message) {
  process.stderr.write(`${process.stderr.isTTY ? "\u001b[36m›\u001b[0m" : ">"} ${message}\n`);
}

/** Ends the process with the one sentence that helps. */
export function fail(message) {
  process.stderr.write(`${process.stderr.isTTY ? "\u001b[31m✗\u001b[0m" : "!"} ${message}\n`);
  process.exit(1);
}

export function requireNode() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    fail(
      `Node ${process.versions.node} is too old: install Node 20.19 or newer (24 is what the images use).`,
    );
  }
}

/** Runs a program with its output shown; resolves with its exit code. */
export function run(command, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: "inherit", ...options });
    child.on("error", (error) => {
      process.stderr.write(`${error.message}\n`);
      resolve(127);
    });
    child.on("close", (code, signal) => resolve(code ?? (signal === null ? 1 : 130)));
  });
}

export const has = (command) => spawnSync("which", [command], { stdio: "ignore" }).status === 0;

/** Installs the packages of package-lock.json unless exactly these are installed. */
export async function installPackages() {
  const mark = join(root, "node_modules", ".rciots-installed");
  const lock = createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .update(process.versions.modules)
    .digest("hex");
  if (existsSync(mark) && readFileSync(mark, "utf8") === lock) return;
  const startedAt = Date.now();
  say("Installing packages (once, about a minute) ...");
  const code = await run("npm", ["ci", "--no-fund", "--no-audit", "--loglevel=error", "--progress=true"]);
  if (code !== 0)
    fail(
      "npm ci failed: its message above says why. A proxy or registry may need `npm config set registry ...`.",
    );
  writeFileSync(mark, lock);
  say(`Packages installed in ${Math.round((Date.now() - startedAt) / 1000)} s.`);
}
