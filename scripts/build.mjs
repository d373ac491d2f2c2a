// Bundles what runs: our own workspaces into one file each, the packages of the registry left where they are.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build as bundle } from "esbuild";
import { buildConsole } from "./lib/build-console.mjs";
import { copyInstallFiles } from "./lib/install-files.mjs";
import { root } from "./lib/prepare.mjs";

const workspaces = [
  "ca",
  "cli",
  "packages/desired-state",
  "packages/embedded-mongo",
  "packages/manifests",
  "packages/metrics",
  "packages/protocol",
  "packages/process",
  "packages/redis-bus",
  "packages/relay",
  "packages/runtime",
  "packages/store",
  "packages/tunnels",
  "services/connector",
  "services/enroll",
  "services/frontend",
  "services/standalone",
];

function registryPackages() {
  const names = workspaces.flatMap((folder) => {
    const manifest = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
    return Object.keys(manifest.dependencies ?? {});
  });
  return [...new Set(names)].filter((name) => !name.startsWith("@rciots/"));
}

/**
 * dist/standalone/main.js and, beside it, the worker of the embedded store; the services as processes of their own;
 * the agent; dist/console.
 */
export async function build() {
  const shared = {
    bundle: true,
    platform: "node",
    target: "node20",
    format: "esm",
    sourcemap: true,
    external: registryPackages().flatMap((name) => [name, `${name}/*`]),
    logLevel: "warning",
  };
  await bundle({
    entryPoints: {
      main: join(root, "services/standalone/src/main.ts"),
      worker: join(root, "packages/embedded-mongo/src/worker.ts"),
    },
    outdir: join(root, "dist/standalone"),
    ...shared,
  });
  for (const service of ["enroll", "connector", "frontend"])
    await bundle({
      entryPoints: { main: join(root, `services/${service}/src/main.ts`) },
      outdir: join(root, "dist", service),
      ...shared,
    });
  await bundle({
    entryPoints: {
      main: join(root, "cli/src/main.ts"),
      worker: join(root, "packages/embedded-mongo/src/worker.ts"),
    },
    outdir: join(root, "cli/dist"),
    ...shared,
    // A command loads what it needs, and no more.
    splitting: true,
  });
  const { buildAgent } = await import("../agent/scripts/build.mjs");
  await buildAgent();
  await copyInstallFiles(join(root, "dist/install"));
  await buildConsole();
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await build();
