// `npm run images`: stages what goes into the images, and builds them with podman or docker.
import { readFileSync, writeFileSync } from "node:fs";
import { cp, mkdir, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { buildConsole } from "./lib/build-console.mjs";
import { bundleProgram } from "./lib/bundle-program.mjs";
import { copyInstallFiles } from "./lib/install-files.mjs";
import { fail, has, root, run, say } from "./lib/prepare.mjs";

const usage = `Stages what goes into the platform's images (dist/images) and builds them with podman or docker.

Usage: npm run images -- [options] [image ...]

  --registry NAME    what stands before the names, such as registry.example.com/rciots (quay.io/rciots)
  --tag TAG          (the version of the package)
  --platform LIST    such as linux/amd64,linux/arm64 (this machine's)
  --push             with docker buildx, several platforms are pushed rather than kept
  --stage-only       stages, and builds nothing
  --out FOLDER       where to (dist/images)
`;

/** What an image has below /opt/rciots besides native code. */
const images = {
  enroll: (to) => Promise.all([bundleService("enroll", to), bundleService("jobs", to)]),
  connector: (to) => bundleService("connector", to),
  async frontend(to) {
    await Promise.all([bundleService("frontend", to), bundleService("jobs", to)]);
    await buildConsole();
    await cp(join(root, "dist/console"), join(to, "console"), { recursive: true, filter: isShipped });
    const { buildAgent } = await import("../agent/scripts/build.mjs");
    await buildAgent();
    await copyInstallFiles(join(to, "install"));
  },
  async agent(to) {
    const { buildAgent } = await import("../agent/scripts/build.mjs");
    await buildAgent();
    await cp(join(root, "agent/dist"), to, { recursive: true, filter: isShipped });
    for (const other of ["darwin-arm64", "darwin-x64", "win32-ia32", "win32-x64"])
      await rm(join(to, "prebuilds", other), { recursive: true, force: true });
  },
};

const isShipped = (path) => !path.endsWith(".map") && !path.endsWith("/.built-from");

const bundleService = (name, to) =>
  bundleProgram({ entry: `services/${name}/src/main.ts`, outfile: join(to, name, "main.js") });

async function stage(names, out) {
  const { version, license } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  for (const name of names) {
    const to = join(out, name);
    await rm(to, { recursive: true, force: true });
    await mkdir(to, { recursive: true });
    await images[name](to);
    const manifest = { name: `rciots-${name}`, version, license, type: "module", private: true };
    writeFileSync(join(to, "package.json"), `${JSON.stringify(manifest, undefined, 2)}\n`);
    await cp(join(root, "LICENSE"), join(to, "LICENSE"));
  }
  await cp(join(root, "images"), out, { recursive: true });
}

async function build(names, options) {
  const engine = ["podman", "docker"].find(has);
  if (engine === undefined)
    fail("There is neither podman nor docker: install one, or stage only (--stage-only).");
  for (const name of names) {
    const image = `${options.registry}/rciots-${name}:${options.tag}`;
    say(`Building ${image} with ${engine} ...`);
    const code = await run(engine, buildArguments(engine, name, image, options));
    if (code !== 0) fail(`${engine} could not build ${image}.`);
    if (options.push && engine === "podman") {
      const pushed = await run(engine, ["manifest", "push", "--all", image, `docker://${image}`]);
      if (pushed !== 0) fail(`podman could not push ${image}.`);
    }
  }
}

function buildArguments(engine, name, image, { platform, push, out }) {
  const common = ["--target", name, "--file", join(out, "Containerfile")];
  const platforms = platform === undefined ? [] : ["--platform", platform];
  if (engine === "podman") return ["build", ...common, ...platforms, "--manifest", image, out];
  return ["buildx", "build", ...common, ...platforms, "--tag", image, push ? "--push" : "--load", out];
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    registry: { type: "string", default: "quay.io/rciots" },
    tag: { type: "string", default: JSON.parse(readFileSync(join(root, "package.json"), "utf8")).version },
    platform: { type: "string" },
    push: { type: "boolean", default: false },
    "stage-only": { type: "boolean", default: false },
    out: { type: "string", default: join(root, "dist/images") },
    help: { type: "boolean", default: false, short: "h" },
  },
});
if (values.help) {
  process.stdout.write(usage);
  process.exit(0);
}
const names = positionals.length > 0 ? positionals : Object.keys(images);
const unknown = names.filter((name) => !(name in images));
if (unknown.length > 0)
  fail(`There is no image ${unknown.join(", ")}: choose from ${Object.keys(images).join(", ")}.`);
const out = resolve(values.out);
await stage(names, out);
say(`Staged ${names.join(", ")} in ${out}.`);
if (!values["stage-only"]) await build(names, { ...values, out });
process.exit(0);
