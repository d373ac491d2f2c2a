import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { packAgentChart, readAgentChart } from "./agent-chart.ts";
import { readAgentPackage } from "./agent-package.ts";
import { type InstallChoices, kubernetesManifests } from "./kubernetes-manifests.ts";
import { type ManifestObject, type OpenshiftTemplate, withDefaults } from "./openshift-template.ts";

export interface InstallFile {
  content: Buffer;
  contentType: string;
  /** With its quotes. */
  etag: string;
}

/** What `oc`, `kubectl`, `helm` and `npx` install the agent from; all but the last with this platform's address and CA. */
export interface InstallFiles {
  readonly chartVersion: string;
  openshiftTemplate(): InstallFile;
  kubernetesManifests(choices: InstallChoices): InstallFile;
  chart(): InstallFile;
  /** What npm and npx install on a host; undefined where the agent was not built. */
  hostPackage(): InstallFile | undefined;
  /** Of that package. */
  readonly agentVersion: string;
}

export interface InstallFilesOptions {
  /**
   * Holds `agent/openshift/template.yaml`, `charts/rciots-agent`, `agent/package.json` and, where the agent is built,
   * `agent/dist`, as the repository does.
   */
  folder: string;
  /** The enrolment endpoint as devices reach it. */
  platformUrl: string;
  /** Of the platform's root certificate; asked each time, since it may be replaced. */
  caFingerprint: () => string;
  /** A whole reference; absent: the one that the chart names. */
  image?: string | undefined;
}

export function createInstallFiles(options: InstallFilesOptions): InstallFiles {
  const { folder, platformUrl, caFingerprint, image } = options;
  const template = parse(
    readFileSync(join(folder, "agent/openshift/template.yaml"), "utf8"),
  ) as OpenshiftTemplate;
  const chart = readAgentChart(join(folder, "charts/rciots-agent"));
  const parameters = (): Record<string, string> => ({
    platformurl: platformUrl,
    cafingerprint: caFingerprint(),
    ...(image === undefined ? {} : { image }),
  });
  const agent = readAgentPackage(join(folder, "agent"));
  const hostPackage = agent === undefined ? undefined : fileOf(agent.content, "application/gzip");
  return {
    chartVersion: chart.version,
    agentVersion: agent?.version ?? chart.version,
    hostPackage: () => hostPackage,
    openshiftTemplate: builtOnce(caFingerprint, () =>
      yamlFile(stringify(withDefaults(template, parameters()), yamlStyle)),
    ),
    kubernetesManifests: (choices) =>
      yamlFile(yamlStream(kubernetesManifests(template, choices, parameters()))),
    chart: builtOnce(caFingerprint, () =>
      fileOf(
        packAgentChart(chart, { platformUrl, caFingerprint: caFingerprint(), image }),
        "application/gzip",
      ),
    ),
  };
}

/** Builds again only where the CA changed. */
function builtOnce(caFingerprint: () => string, build: () => InstallFile): () => InstallFile {
  let built: { fingerprint: string; file: InstallFile } | undefined;
  return () => {
    const fingerprint = caFingerprint();
    if (built?.fingerprint !== fingerprint) built = { fingerprint, file: build() };
    return built.file;
  };
}

/** kubectl and Helm read YAML 1.1, to which a namespace called `on` is a boolean unless it is quoted. */
export const yamlStyle = { lineWidth: 0, version: "1.1" } as const;

export const yamlStream = (objects: readonly ManifestObject[]): string =>
  objects.map((object) => stringify(object, yamlStyle)).join("---\n");

const yamlFile = (text: string): InstallFile => fileOf(Buffer.from(text), "application/yaml; charset=utf-8");

function fileOf(content: Buffer, contentType: string): InstallFile {
  const etag = `"${createHash("sha256").update(content).digest("base64url")}"`;
  return { content, contentType, etag };
}
