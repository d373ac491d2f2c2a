// `npm run screenshots`: takes pictures of every page of the console for docs/screenshots.
import { installPackages, requireNode, root, run } from "./lib/prepare.mjs";

requireNode();
await installPackages();
const { build } = await import("./build.mjs");
const { bundleBench } = await import("./lib/bundle-bench.mjs");
await build();
const folder = await bundleBench();
// Ctrl+C reaches the whole group; this process waits until everything has ended in order.
process.on("SIGINT", () => undefined);
const args = ["--import", "tsx", "test/bench/screenshots.ts", ...process.argv.slice(2)];
process.exit(
  await run(process.execPath, args, { cwd: root, env: { ...process.env, RCIOTS_BENCH_WORKERS: folder } }),
);
