#!/usr/bin/env node
// The `rciots` command: runs the bundle, and says how to make it where there is none.
import { existsSync } from "node:fs";

const bundle = new URL("../dist/main.js", import.meta.url);
if (existsSync(bundle)) await import(bundle.href);
else {
  process.stderr.write("rciots is not built yet: run `npm run build` first.\n");
  process.exitCode = 1;
}
