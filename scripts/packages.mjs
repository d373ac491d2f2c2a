// `npm run packages`: dist/packages/rciots-<version>.tgz, the platform as `npm install --global` takes it on a host.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { chmod, cp, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { buildConsole } from "./lib/build-console.mjs";
import { bundleProgram, nativePackages } from "./lib/bundle-program.mjs";
import { copyInstallFiles } from "./lib/install-files.mjs";
import { root, say } from "./lib/prepare.mjs";

const out = join(root, "dist/packages");
const folder = join(out, "rciots");

/** Of package-lock.json: what is tested is what is installed. */
function versionsOf(names) {
  const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
  return Object.fromEntries(names.map((name) => [name, packages[`node_modules/${name}`].version]));
}

const { version, license, engines } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
await rm(out, { recursive: true, force: true });
await mkdir(folder, { recursive: true });
const program = join(folder, "standalone/main.js");
await bundleProgram({ entry: "services/standalone/src/main.ts", outfile: program, isProgram: true });
await chmod(program, 0o755);
const worker = join(folder, "standalone/worker.js");
await bundleProgram({ entry: "packages/embedded-mongo/src/worker.ts", outfile: worker });
const { buildAgent } = await import("../agent/scripts/build.mjs");
await buildAgent();
await copyInstallFiles(join(folder, "install"));
await buildConsole();
const filter = (path) => !path.endsWith(".map") && !path.endsWith("/.built-from");
await cp(join(root, "dist/console"), join(folder, "console"), { recursive: true, filter });
await cp(join(root, "packaging"), join(folder, "packaging"), { recursive: true });
await cp(join(root, "LICENSE"), join(folder, "LICENSE"));
const manifest = {
  name: "rciots",
  version,
  description: "The RCIoTS platform in one process",
  license,
  type: "module",
  bin: { "rciots-platform": "standalone/main.js" },
  engines,
  dependencies: versionsOf(nativePackages),
};
writeFileSync(join(folder, "package.json"), `${JSON.stringify(manifest, undefined, 2)}\n`);
execFileSync("npm", ["pack", "--silent", "--pack-destination", out], { cwd: folder, stdio: "inherit" });
say(`dist/packages/rciots-${version}.tgz`);
process.exit(0);
