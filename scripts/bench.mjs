// `npm run bench [-- row ... --devices N]`: measures the platform on this machine; `--help` lists the rows.
import { installPackages, requireNode, root, run } from "./lib/prepare.mjs";

requireNode();
await installPackages();
const { build } = await import("./build.mjs");
const { bundleBench } = await import("./lib/bundle-bench.mjs");
await build();
const folder = await bundleBench();
// Ctrl+C reaches the whole group; the workers end with the process they belong to.
process.on("SIGINT", () => undefined);
const args = ["--import", "tsx", "test/bench/run.ts", ...process.argv.slice(2)];
process.exit(
  await run(process.execPath, args, { cwd: root, env: { ...process.env, RCIOTS_BENCH_WORKERS: folder } }),
);
