// Makes agent/openshift and agent/kubernetes from the chart: `npx tsx test/cluster/install-files.ts`.
import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { parseAllDocuments, stringify } from "yaml";
import { yamlStream, yamlStyle } from "../../services/frontend/src/install/install-files.ts";
import { kubernetesManifests } from "../../services/frontend/src/install/kubernetes-manifests.ts";
import type { ManifestObject } from "../../services/frontend/src/install/openshift-template.ts";
import { ensureBinaries } from "./build.ts";

export const root = fileURLToPath(new URL("../..", import.meta.url));
const chart = join(root, "charts/rciots-agent");
const notice =
  "# Generated from charts/rciots-agent by `npx tsx test/cluster/install-files.ts`: change the chart, not this file.\n";

/** What the chart renders, without Helm's own annotation. `values` are checked by the chart's schema unless told not to. */
export async function renderChart(
  helm: string,
  options: { chart?: string; namespace?: string; values: object; skipSchema?: boolean },
): Promise<ManifestObject[]> {
  const flags = options.skipSchema === true ? ["--skip-schema-validation"] : [];
  const running = promisify(execFile)(helm, [
    ...["template", "rciots-agent", options.chart ?? chart, "--kube-version=1.36.0"],
    ...[`--namespace=${options.namespace ?? "rciots-agent"}`, "--values=-", ...flags],
  ]);
  running.child.stdin?.end(JSON.stringify(options.values));
  const { stdout } = await running;
  return parseAllDocuments(stdout)
    .map((document) => document.toJS() as ManifestObject | null)
    .filter((object) => object !== null)
    .map(withoutHelm);
}

function withoutHelm(object: ManifestObject): ManifestObject {
  const { annotations, ...metadata } = object.metadata as { annotations?: object; name: string };
  const kept = Object.entries(annotations ?? {}).filter(([key]) => !key.startsWith("helm.sh/"));
  const isAny = kept.length > 0;
  return {
    ...object,
    metadata: { ...metadata, ...(isAny ? { annotations: Object.fromEntries(kept) } : {}) },
  };
}

const parameters = [
  {
    name: "token",
    displayName: "Provisioning token",
    description: "Lets the device enrol. It is shown once, when it is created.",
    required: true,
  },
  {
    name: "devicename",
    displayName: "Device name",
    description: "Lower-case letters, digits and hyphens; empty: the name of the node.",
  },
  {
    name: "platformurl",
    displayName: "Platform",
    description: "Where devices enrol, such as https://platform.example.com:8443.",
    required: true,
  },
  {
    name: "cafingerprint",
    displayName: "CA fingerprint",
    description: "SHA-256 of the platform's root certificate; empty: the roots that the image brings along.",
  },
  {
    name: "namespace",
    displayName: "Namespace of the agent",
    value: "rciots-agent",
    required: true,
  },
  {
    name: "workloadnamespace",
    displayName: "Namespace of the workloads",
    description: "Where the agent may manage workloads; objects that name no namespace go there.",
    value: "rciots-workloads",
    required: true,
  },
  {
    name: "clusterrole",
    displayName: "Role in the whole cluster",
    description:
      "The default gives the agent nothing that every account doesn't have. cluster-admin lets it apply anything, such as namespaces and CRDs.",
    value: "system:discovery",
    required: true,
  },
  { name: "image", displayName: "Image of the agent", required: true },
  { name: "loglevel", displayName: "Log level", value: "info", required: true },
];

/** The text of each generated file, by its path in the repository. */
export async function generateInstallFiles(helm: string): Promise<ReadonlyMap<string, string>> {
  const objects = await renderTemplateObjects(helm);
  const [published] = await renderChart(helm, {
    values: { platformUrl: "https://platform.example.com" },
  }).then((rendered) => rendered.flatMap(imageOf));
  const template = {
    apiVersion: "template.openshift.io/v1",
    kind: "Template",
    metadata: {
      name: "rciots-agent",
      annotations: {
        "openshift.io/display-name": "RCIoTS agent",
        description: "Connects this cluster to an RCIoTS platform, which then runs assigned manifests on it.",
        tags: "edge,iot",
      },
    },
    message: "Watch it enrol: oc logs -f -n ${namespace} deployment/rciots-agent",
    parameters: parameters.map((parameter) =>
      parameter.name === "image" ? { ...parameter, value: published } : parameter,
    ),
    objects,
  };
  const choices = { namespaces: [], access: "namespaces", deviceName: "" } as const;
  const plain = kubernetesManifests(template as never, choices, {
    platformurl: "https://platform.example.com",
  });
  return new Map([
    ["agent/openshift/template.yaml", notice + stringify(template, yamlStyle)],
    ["agent/kubernetes/rciots-agent.yaml", notice + yamlStream(plain)],
  ]);
}

const imageOf = (object: ManifestObject): string[] => {
  const spec = object["spec"] as { template?: { spec: { containers: { image: string }[] } } } | undefined;
  return spec?.template?.spec.containers.map(({ image }) => image) ?? [];
};

/** The chart's objects with parameters in place of values, and the agent's namespace, which Helm makes by itself. */
async function renderTemplateObjects(helm: string): Promise<ManifestObject[]> {
  const rendered = await renderChart(helm, {
    namespace: "${namespace}",
    skipSchema: true,
    values: {
      platformUrl: "${platformurl}",
      caFingerprint: "${cafingerprint}",
      token: "${token}",
      deviceName: "${devicename}",
      access: "cluster-admin",
      namespaces: ["${workloadnamespace}"],
      image: { reference: "${image}" },
      logLevel: "${loglevel}",
    },
  });
  const home: ManifestObject = {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: {
      name: "${namespace}",
      labels: { "pod-security.kubernetes.io/enforce": "restricted" },
    } as ManifestObject["metadata"],
  };
  const objects = rendered.map((object) =>
    object.kind === "ClusterRoleBinding"
      ? { ...object, roleRef: { ...(object["roleRef"] as object), name: "${clusterrole}" } }
      : object,
  );
  return [home, ...objects];
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const { helm } = await ensureBinaries({ log: (line) => console.error(line) });
  for (const [path, text] of await generateInstallFiles(helm)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
    console.log(path);
  }
}
