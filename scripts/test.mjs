// `npm test [group ...]`: sets up what the tests need, runs them, and closes with one line that counts them all.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fail, has, installPackages, requireNode, root, run, say } from "./lib/prepare.mjs";

const bin = (name) => join(root, "node_modules", ".bin", name);
const ignored = ["node_modules", "dist", "data"];

/** Test files under `folder` for which `accept` holds, sorted. */
function testFiles(folder, accept) {
  const at = join(root, folder);
  if (!existsSync(at)) return [];
  return readdirSync(at, { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return ignored.includes(entry.name) ? [] : testFiles(path, accept);
      return entry.name.endsWith(".test.ts") && accept(entry.name) ? [path] : [];
    })
    .sort();
}

const isUnit = (name) => !name.endsWith(".cluster.test.ts");
const under = (folders, accept) => () => folders.flatMap((folder) => testFiles(folder, accept));
const groups = {
  unit: under(["ca", "agent", "cli", "packages", "services"], isUnit),
  integration: under(["test/integration"], () => true),
  cluster: under(
    ["test/cluster", "agent"],
    (name) => name.endsWith(".cluster.test.ts") || name === "cluster.test.ts",
  ),
  e2e: under(["test/e2e"], () => true),
};

/** Programs the tests drive, with Debian's package of each. */
const programs = {
  git: "git",
  openssl: "openssl",
  sshd: "openssh-server",
  ip: "iproute2",
  chromium: "chromium",
  prometheus: "prometheus",
  "redis-server": "redis-server",
};
const sbin = (name) => ["/usr/sbin", "/sbin"].some((folder) => existsSync(join(folder, name)));

async function installPrograms() {
  const missing = Object.keys(programs).filter((name) => !has(name) && !sbin(name));
  if (missing.length === 0) return;
  const packages = missing.map((name) => programs[name]);
  if (process.getuid?.() !== 0 || !has("apt-get")) {
    say(
      `Not found: ${missing.join(", ")}. Tests that need them are skipped by name; install ${packages.join(", ")} to run them.`,
    );
    return;
  }
  say(`Installing ${packages.join(", ")} ...`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  await run("apt-get", ["update", "-qq"], { env });
  const code = await run("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...packages], {
    env,
  });
  if (code !== 0)
    say(`apt-get could not install ${packages.join(", ")}; tests that need them are skipped by name.`);
}

/** The certificate linter that the CA's tests ask; returns the folder it is in, or undefined without Go. */
async function installZlint() {
  const cache = process.env.RCIOTS_CACHE_DIR ?? process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache");
  const folder = join(cache, "rciots", "zlint", "v3.6.6");
  if (existsSync(join(folder, "zlint"))) return folder;
  if (!has("go")) {
    say("Go is not installed, so the CA's certificates are not linted: that test is skipped by name.");
    return undefined;
  }
  say("Building zlint (once) ...");
  const args = ["build", "-o", join(folder, "zlint"), "github.com/zmap/zlint/v3/cmd/zlint"];
  const code = await run("go", args, {
    cwd: join(root, "test/zlint"),
    env: { ...process.env, CGO_ENABLED: "0" },
  });
  return code === 0 ? folder : undefined;
}

/** A check that is no test of its own but fails the run: types, lint, format. */
async function check(name, command, args) {
  say(`${name} ...`);
  const code = await run(command, args);
  return { name, passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: [] };
}

async function mocha(name, files) {
  if (files.length === 0) return { name, passed: 0, failed: 0, skipped: [] };
  say(`${name} tests (${files.length} files) ...`);
  const folder = mkdtempSync(join(tmpdir(), "rciots-test-"));
  const summary = join(folder, "summary.json");
  const reporter = join(root, "test/harness/summary-reporter.cjs");
  const args = ["--reporter", reporter, "--reporter-option", `output=${summary}`, ...files];
  const code = await run(bin("mocha"), args, { env: { ...process.env, NODE_ENV: "test", PATH: testPath } });
  try {
    const result = JSON.parse(readFileSync(summary, "utf8"));
    // A run that dies after its last test has failed all the same.
    return { name, ...result, failed: code !== 0 && result.failed === 0 ? 1 : result.failed };
  } catch {
    return { name, passed: 0, failed: 1, skipped: [] };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function report(results) {
  process.stdout.write("\n");
  for (const { name, passed, failed, failures = [], skipped } of results) {
    process.stdout.write(
      `${name.padEnd(14)} ${passed} passed, ${failed} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ""}\n`,
    );
    for (const title of skipped) process.stdout.write(`${"".padEnd(14)} skipped: ${title}\n`);
    // Named here again, since the end of a long log is what one reads first.
    for (const failure of failures) process.stdout.write(`${"".padEnd(14)} failed: ${failure}\n`);
  }
  const sum = (key) => results.reduce((total, result) => total + result[key], 0);
  const skipped = results.reduce((total, result) => total + result.skipped.length, 0);
  process.stdout.write(`\n${sum("passed")} passed, ${sum("failed")} failed, ${skipped} skipped\n`);
  return sum("failed") === 0 && sum("passed") > 0;
}

requireNode();
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => name !== "checks" && !(name in groups));
if (unknown.length > 0)
  fail(
    `There is no test group ${unknown.join(", ")}: choose from checks, ${Object.keys(groups).join(", ")}.`,
  );
const isWanted = (name) => wanted.length === 0 || wanted.includes(name);

await installPackages();
await installPrograms();
if (["unit", "cluster", "e2e", "integration"].some(isWanted)) {
  say("Preparing the Kubernetes control plane for the tests (built from source once, several minutes) ...");
  spawnSync(process.execPath, ["--import", "tsx", join(root, "test/cluster/ensure.ts")], {
    cwd: root,
    stdio: "inherit",
  });
}
const zlintFolder = isWanted("unit") ? await installZlint() : undefined;
const testPath = [process.env.PATH, zlintFolder].filter(Boolean).join(delimiter);
say("Building ...");
const { build } = await import("./build.mjs");
await build();

const results = [];
if (isWanted("checks")) {
  results.push(await check("types", "npm", ["run", "--silent", "typecheck"]));
  results.push(await check("lint", bin("eslint"), ["--cache", "--max-warnings=0", "."]));
  results.push(await check("format", bin("prettier"), ["--check", "--log-level=warn", "."]));
}
for (const [name, files] of Object.entries(groups)) {
  if (isWanted(name)) results.push(await mocha(name, files()));
}
process.exit(report(results) ? 0 : 1);
