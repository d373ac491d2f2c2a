// `npm run bench [-- row ... --devices N]`: measures the platform on this machine; `--help` lists the rows.
import { join } from "node:path";
import { installPackages, requireNode, root, run } from "./lib/prepare.mjs";

requireNode();
await installPackages();
const { build } = await import("./build.mjs");
const { bundleBench } = await import("./lib/bundle-bench.mjs");
await build();
const folder = await bundleBench();
// Ctrl+C reaches the whole group; the workers end with the process they belong to.
process.on("SIGINT", () => undefined);
process.exit(await run(process.execPath, [join(folder, "run.js"), ...process.argv.slice(2)], { cwd: root }));
