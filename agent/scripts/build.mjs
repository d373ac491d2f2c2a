// Bundles the agent into one file, agent/dist/rciots-agent.js, that needs Node and nothing else.
import { analyzeMetafile, build } from "esbuild";
import { chmod, copyFile, mkdir, readdir, rm, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const folder = fileURLToPath(new URL("..", import.meta.url));
const dist = join(folder, "dist");
const outfile = join(dist, "rciots-agent.js");

/**
 * `bufferutil` masks WebSocket frames in native code. The bundle looks for its prebuilt binary in the folder
 * beside it and goes on without: then masking is done in JavaScript, which costs throughput and nothing else.
 */
const nativeMasking = {
  name: "native-masking",
  setup(builder) {
    builder.onResolve({ filter: /^bufferutil$/ }, () => ({
      path: "bufferutil",
      namespace: "native-masking",
    }));
    builder.onLoad({ filter: /.*/, namespace: "native-masking" }, () => ({
      // In a variable: a literal would be looked for while the bundle is made.
      contents: `const file = ["./prebuilds/", process.platform, "-", process.arch, "/bufferutil.node"].join("");
        module.exports = require(file);`,
      loader: "js",
    }));
  },
};

/** What the agent can reach in node_modules but never calls. */
const leftOut = {
  name: "left-out",
  setup(builder) {
    // Of the Kubernetes client only the reader of kubeconfigs is used; the rest is the API in 4 MB of classes.
    builder.onResolve({ filter: /^@kubernetes\/client-node$/ }, ({ resolveDir }) =>
      builder.resolve("@kubernetes/client-node/dist/config.js", { kind: "import-statement", resolveDir }),
    );
    // socket.io-client offers polling too; the channel is a WebSocket only.
    builder.onResolve({ filter: /^xmlhttprequest-ssl$/ }, () => ({ path: "polling", namespace: "left-out" }));
    builder.onLoad({ filter: /.*/, namespace: "left-out" }, () => ({
      contents: "export const XMLHttpRequest = undefined; export default undefined;",
    }));
  },
};

/** Writes the bundle, its source map and the native binaries to agent/dist. Returns the bundle's metafile. */
export async function buildAgent() {
  await rm(dist, { recursive: true, force: true });
  await mkdir(dist, { recursive: true });
  const result = await build({
    entryPoints: [join(folder, "src/main.ts")],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20.19",
    minify: true,
    keepNames: true,
    sourcemap: true,
    sourcesContent: false,
    legalComments: "none",
    metafile: true,
    logLevel: "warning",
    // Native, and loaded where it is installed.
    external: ["@lydell/node-pty"],
    plugins: [nativeMasking, leftOut],
    define: { "process.env.NODE_ENV": '"production"' },
    // CommonJS inside the bundle asks for Node's own modules through these.
    banner: {
      js: [
        'import { createRequire as __createRequire } from "node:module";',
        'import { fileURLToPath as __fileURLToPath } from "node:url";',
        'import { dirname as __dirnameOf } from "node:path";',
        "const require = __createRequire(import.meta.url);",
        "const __filename = __fileURLToPath(import.meta.url);",
        "const __dirname = __dirnameOf(__filename);",
      ].join("\n"),
    },
  });
  await chmod(outfile, 0o755);
  await copyPrebuilds();
  return result.metafile;
}

/** The native binaries for every platform the package ships, a few KiB each. */
async function copyPrebuilds() {
  const source = join(
    dirname(createRequire(import.meta.url).resolve("bufferutil/package.json")),
    "prebuilds",
  );
  for (const platform of await readdir(source)) {
    const target = join(dist, "prebuilds", platform);
    await mkdir(target, { recursive: true });
    for (const file of await readdir(join(source, platform)))
      await copyFile(join(source, platform, file), join(target, file));
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const metafile = await buildAgent();
  const { size } = await stat(outfile);
  process.stdout.write(`agent/dist/rciots-agent.js: ${Math.round(size / 1024)} KiB\n`);
  if (process.argv.includes("--analyze")) process.stdout.write(await analyzeMetafile(metafile));
}
