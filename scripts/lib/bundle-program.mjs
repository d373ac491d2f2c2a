// Bundles a program with all of its packages into one file, as images and archives carry it:
// `node scripts/lib/bundle-program.mjs ENTRY OUTFILE`.
import { build } from "esbuild";
import { dirname, join } from "node:path";
import { mkdir, rm } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { root } from "./prepare.mjs";

/** Of native code, which can't be inside; an image has them in its node_modules. */
export const nativePackages = ["@node-rs/argon2", "@photostructure/sqlite", "bufferutil"];

/** What the MongoDB driver and others try to load and do without. */
const optional = [
  "@aws-sdk/credential-providers",
  "@mongodb-js/zstd",
  "aws4",
  "gcp-metadata",
  "kerberos",
  "mongodb-client-encryption",
  "snappy",
  "utf-8-validate",
];

/** CommonJS inside the bundle asks for Node's own modules through these. */
const banner = [
  'import { createRequire as __createRequire } from "node:module";',
  'import { fileURLToPath as __fileURLToPath } from "node:url";',
  'import { dirname as __dirnameOf } from "node:path";',
  "const require = __createRequire(import.meta.url);",
  "const __filename = __fileURLToPath(import.meta.url);",
  "const __dirname = __dirnameOf(__filename);",
].join("\n");

/**
 * `entry` is a path in the repository. Without a source map: names are kept, so that traces can be read. A program is
 * run by its name, so that it says by what.
 */
export async function bundleProgram({ entry, outfile, isProgram = false }) {
  await rm(outfile, { force: true });
  await mkdir(dirname(outfile), { recursive: true });
  await build({
    entryPoints: [join(root, entry)],
    outfile,
    bundle: true,
    platform: "node",
    target: "node20.19",
    format: "esm",
    minifySyntax: true,
    minifyWhitespace: true,
    keepNames: true,
    sourcemap: false,
    legalComments: "none",
    external: [...nativePackages, ...optional],
    define: { "process.env.NODE_ENV": '"production"' },
    banner: { js: isProgram ? `#!/usr/bin/env node\n${banner}` : banner },
    logLevel: "warning",
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const [entry, outfile] = process.argv.slice(2);
  await bundleProgram({ entry, outfile });
}
