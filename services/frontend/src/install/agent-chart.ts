import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { parse, parseDocument } from "yaml";
import { packTar, type TarFile } from "./tar.ts";

/** The Helm chart of the agent, as it is in the repository. */
export interface AgentChart {
  version: string;
  /** As Helm wants it in an archive: below a folder of the chart's name. */
  files: readonly TarFile[];
}

const name = "rciots-agent";

export function readAgentChart(folder: string): AgentChart {
  const paths = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
  const files = paths.map((path) => ({
    path: `${name}/${path.replaceAll("\\", "/")}`,
    content: readFileSync(join(folder, path)),
  }));
  const { version } = parse(readFileSync(join(folder, "Chart.yaml"), "utf8")) as { version: string };
  return { version, files };
}

/** A `.tgz` whose values have the platform's own as defaults. */
export function packAgentChart(
  chart: AgentChart,
  platform: { platformUrl: string; caFingerprint: string; image: string | undefined },
): Buffer {
  const files = chart.files.map(({ path, content }) => {
    if (path !== `${name}/values.yaml`) return { path, content };
    // A document keeps the comments.
    const values = parseDocument(content.toString("utf8"));
    values.set("platformUrl", platform.platformUrl);
    values.set("caFingerprint", platform.caFingerprint);
    if (platform.image !== undefined) values.setIn(["image", "reference"], platform.image);
    return { path, content: Buffer.from(values.toString({ lineWidth: 0 })) };
  });
  return gzipSync(packTar(files), { level: 9 });
}
