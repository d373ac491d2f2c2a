// Builds the web console into dist/console: generated API types, Vite, and a compressed copy beside each file.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { generateApiTypes } from "../generate-api.mjs";
import { root, say } from "./prepare.mjs";

const source = join(root, "services/frontend/web");
const target = join(root, "dist/console");
const minBytes = 1_024;

function filesIn(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes("node_modules"))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** Of everything the build depends on. */
function hashOfSource() {
  const hash = createHash("sha256");
  for (const file of [...filesIn(source), join(root, "package-lock.json")]) {
    hash.update(file.slice(root.length)).update("\0").update(readFileSync(file));
  }
  return hash.digest("hex");
}

function compress() {
  for (const file of filesIn(target).filter((name) => /\.(js|css|svg|json|webmanifest)$/.test(name))) {
    const bytes = readFileSync(file);
    if (bytes.length < minBytes) continue;
    writeFileSync(`${file}.gz`, gzipSync(bytes, { level: 9 }));
    const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
    writeFileSync(`${file}.br`, brotliCompressSync(bytes, { params }));
  }
}

/** Does nothing where the console was built of exactly this source before. */
export async function buildConsole() {
  await generateApiTypes();
  const mark = join(target, ".built-from");
  const wanted = hashOfSource();
  if (existsSync(mark) && readFileSync(mark, "utf8") === wanted) return;
  say("Building the console (once, about half a minute) ...");
  const { build } = await import("vite");
  await build({ configFile: join(source, "vite.config.ts"), logLevel: "warn" });
  compress();
  writeFileSync(mark, wanted);
}
