/**
 * Which fields of an object are text whatever their value looks like. Kustomize prints its result
 * without the quotes of the source (`"${PORT}"` and `${PORT}` come out alike), so the field decides
 * whether a placeholder that is the whole value may become a number or a boolean.
 */

type Path = readonly (string | number)[];

/** Maps of text to text, wherever they stand. */
const textMaps = new Set([
  "labels",
  "annotations",
  "matchLabels",
  "nodeSelector",
  "selector",
  "volumeAttributes",
  "parameters",
]);

/** Lists of text, wherever they stand. */
const textLists = new Set([
  "command",
  "args",
  "accessModes",
  "apiGroups",
  "resources",
  "resourceNames",
  "verbs",
  "nonResourceURLs",
  "finalizers",
  "hosts",
  "hostnames",
  "searches",
  "nameservers",
  "externalIPs",
  "clusterIPs",
  "loadBalancerSourceRanges",
  "ipFamilies",
  "mountOptions",
  "namespaces",
  "matchLabelKeys",
  "topologyKeys",
  "policyTypes",
  "except",
  "add",
  "drop",
  "shortNames",
  "categories",
]);

/** Fields that Kubernetes declares as text in every object that has them. */
const textFields = new Set([
  "apiVersion",
  "kind",
  "name",
  "namespace",
  "generateName",
  "image",
  "imagePullPolicy",
  "key",
  "operator",
  "effect",
  "host",
  "hostname",
  "subdomain",
  "hostIP",
  "ip",
  "clusterIP",
  "loadBalancerIP",
  "externalName",
  "cidr",
  "path",
  "pathType",
  "mountPath",
  "subPath",
  "subPathExpr",
  "secretName",
  "claimName",
  "volumeName",
  "storageClassName",
  "ingressClassName",
  "serviceAccountName",
  "serviceAccount",
  "priorityClassName",
  "runtimeClassName",
  "nodeName",
  "schedulerName",
  "workingDir",
  "fieldPath",
  "containerName",
  "resource",
  "resourceName",
  "scheme",
  "protocol",
  "type",
  "restartPolicy",
  "dnsPolicy",
  "concurrencyPolicy",
  "schedule",
  "timeZone",
  "reason",
  "topologyKey",
  "whenUnsatisfiable",
  "terminationMessagePath",
  "localhostProfile",
  "server",
  "driver",
  "volumeHandle",
  "fsType",
  "devicePath",
  "caBundle",
  "signerName",
  "username",
  "user",
  "group",
  "role",
  "seLinuxChangePolicy",
  "deviceClassName",
  "appProtocol",
  "sysctl",
]);

/** Kinds where a field named `value` is a number. */
const numericValueKinds = new Set(["PriorityClass", "HorizontalPodAutoscaler"]);

/** True when the field at `path` of an object of this kind is always text. */
export function isTextField(kind: string, path: Path): boolean {
  const field = path.at(-1);
  const parent = path.at(-2);
  if (path[0] === "metadata") return true;
  if (
    (kind === "ConfigMap" || kind === "Secret") &&
    typeof path[0] === "string" &&
    ["data", "stringData", "binaryData"].includes(path[0])
  )
    return true;
  if (typeof field === "number") return typeof parent === "string" && isTextList(parent, path);
  if (field === undefined) return false;
  if (typeof parent === "string" && textMaps.has(parent)) return true;
  if (field === "value") return !numericValueKinds.has(kind);
  return textFields.has(field);
}

/** `values` is text in selectors and numbers in a Job's exit codes. */
function isTextList(name: string, path: Path): boolean {
  if (name === "values") return path.at(-3) !== "onExitCodes";
  return textLists.has(name);
}
