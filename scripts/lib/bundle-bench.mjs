// Bundles the processes of the benchmarks and the demonstration: what is measured runs as it is shipped, not through a loader.
import { join } from "node:path";
import { build } from "esbuild";
import { root } from "./prepare.mjs";

const entries = [
  "platform-worker",
  "simulator-worker",
  "store-worker",
  "bare-server-worker",
  "bare-client-worker",
  "handshake-worker",
  "forwarders/target-worker",
  "forwarders/raw-tls-worker",
];

/** dist/bench/<entry>.js; returns the folder. */
export async function bundleBench() {
  const outdir = join(root, "dist/bench");
  await build({
    entryPoints: {
      ...Object.fromEntries(entries.map((name) => [name, join(root, "test/bench", `${name}.ts`)])),
      // The embedded store looks for its worker under this name, beside itself.
      worker: join(root, "packages/embedded-mongo/src/worker.ts"),
    },
    outdir,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "esm",
    packages: "external",
    alias: await ownPackages(),
    logLevel: "warning",
  });
  return outdir;
}

/** Our own workspaces are bundled; the packages of the registry stay where they are. */
async function ownPackages() {
  const { readdirSync, readFileSync, existsSync } = await import("node:fs");
  const folders = [
    "ca",
    "agent",
    ...["packages", "services"].flatMap((parent) =>
      readdirSync(join(root, parent)).map((name) => `${parent}/${name}`),
    ),
  ];
  const named = folders
    .filter((folder) => existsSync(join(root, folder, "package.json")))
    .map((folder) => [
      JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8")).name,
      join(root, folder, "src/index.ts"),
    ]);
  return Object.fromEntries(named.filter(([, entry]) => existsSync(entry)));
}
