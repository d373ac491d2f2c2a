// `npm start`: installs, builds, and runs the platform in one process.
import { installPackages, requireNode, say } from "./lib/prepare.mjs";

requireNode();
await installPackages();
const { build } = await import("./build.mjs");
const startedAt = Date.now();
await build();
// The builder's own process must not live on beside the platform.
await (await import("esbuild")).stop();
say(`Built in ${((Date.now() - startedAt) / 1000).toFixed(1)} s.`);
process.setSourceMapsEnabled(true);
await import("../dist/standalone/main.js");
