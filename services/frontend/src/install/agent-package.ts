import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { packTar } from "./tar.ts";

/** The agent as npm and npx take it: one program with its native code, and nothing to fetch besides. */
export interface AgentPackage {
  version: string;
  content: Buffer;
}

const bundle = "rciots-agent.js";
/** Where the agent runs on hosts; the rest of what is built is for those who work on it. */
const isShipped = (path: string): boolean =>
  path === bundle || /^prebuilds\/[\w-]+\/[\w.-]+\.node$/.test(path);

/**
 * Of the folder that the agent is built into; undefined where it was not built. The same files give the same bytes.
 * @param agentFolder holds `package.json` and `dist`
 */
export function readAgentPackage(agentFolder: string): AgentPackage | undefined {
  const dist = join(agentFolder, "dist");
  if (!existsSync(join(dist, bundle))) return undefined;
  const { version, license, engines } = JSON.parse(
    readFileSync(join(agentFolder, "package.json"), "utf8"),
  ) as Record<"version" | "license" | "engines", unknown>;
  const manifest = {
    name: "rciots-agent",
    version,
    description: "Connects this device to an RCIoTS platform",
    license,
    type: "module",
    bin: { "rciots-agent": bundle },
    engines,
  };
  const paths = readdirSync(dist, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(dist.length + 1)
        .replaceAll("\\", "/"),
    )
    .filter(isShipped)
    .sort();
  // npm's archives have everything below this folder.
  const files = [
    { path: "package/package.json", content: Buffer.from(`${JSON.stringify(manifest, undefined, 2)}\n`) },
    ...paths.map((path) => ({ path: `package/${path}`, content: readFileSync(join(dist, path)) })),
  ];
  return { version: String(version), content: gzipSync(packTar(files), { level: 9 }) };
}
