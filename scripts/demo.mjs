// `npm run demo [-- --devices N]`: a platform with simulated devices on this machine, to look at and to try things on.
import { installPackages, requireNode, root, run } from "./lib/prepare.mjs";

requireNode();
await installPackages();
const { build } = await import("./build.mjs");
const { bundleBench } = await import("./lib/bundle-bench.mjs");
await build();
const folder = await bundleBench();
// Ctrl+C reaches the whole group; this process waits until everything has ended in order.
process.on("SIGINT", () => undefined);
const args = ["--import", "tsx", "test/bench/demo.ts", ...process.argv.slice(2)];
process.exit(
  await run(process.execPath, args, { cwd: root, env: { ...process.env, RCIOTS_BENCH_WORKERS: folder } }),
);
