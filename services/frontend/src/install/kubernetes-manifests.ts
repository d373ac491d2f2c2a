import { type ManifestObject, type OpenshiftTemplate, processTemplate } from "./openshift-template.ts";

/** What an installation may choose; the rest is the template's. */
export interface InstallChoices {
  /** Where the agent may manage workloads; the first takes objects that name no namespace. Empty: the default one. */
  namespaces: readonly string[];
  /** What the agent may do in the whole cluster besides. */
  access: "namespaces" | "cluster-admin";
  /** Empty: the node's name. */
  deviceName: string;
}

/**
 * Plain manifests from the template that `oc` takes. Without the token: that comes as a Secret of the
 * installer's own, since these are public.
 */
export function kubernetesManifests(
  template: OpenshiftTemplate,
  choices: InstallChoices,
  given: Readonly<Record<string, string>> = {},
): ManifestObject[] {
  const [first, ...others] = choices.namespaces;
  const parameters = {
    ...given,
    devicename: choices.deviceName,
    ...(first === undefined ? {} : { workloadnamespace: first }),
    ...(choices.access === "cluster-admin" ? { clusterrole: "cluster-admin" } : {}),
  };
  const objects = processTemplate(template, parameters)
    .filter(({ kind, metadata }) => {
      if (kind === "ClusterRoleBinding") return choices.access === "cluster-admin";
      return !(kind === "Secret" && metadata.name === "rciots-agent-token");
    })
    .map((object) => (object.kind === "Deployment" ? withoutEmptyVariables(object) : object));
  return [...objects, ...others.flatMap((name) => inNamespace(template, objects, name, parameters))];
}

/** A parameter left empty leaves a variable without a value, which `kubectl apply` would take for a change each time. */
function withoutEmptyVariables(deployment: ManifestObject): ManifestObject {
  const copy = structuredClone(deployment) as ManifestObject & DeploymentSpec;
  for (const container of copy.spec.template.spec.containers)
    container.env = container.env.filter(({ value }) => value !== "");
  return copy;
}

interface DeploymentSpec {
  spec: { template: { spec: { containers: { env: { name: string; value?: string }[] }[] } } };
}

/** What the template has for its one workload namespace, for another one. */
function inNamespace(
  template: OpenshiftTemplate,
  objects: readonly ManifestObject[],
  name: string,
  parameters: Readonly<Record<string, string>>,
): ManifestObject[] {
  const again = processTemplate(template, { ...parameters, workloadnamespace: name });
  return again.filter(
    ({ kind, metadata }) =>
      (metadata.namespace ?? metadata.name) === name &&
      !objects.some(
        (object) =>
          object.kind === kind &&
          object.metadata.name === metadata.name &&
          object.metadata.namespace === metadata.namespace,
      ),
  );
}
