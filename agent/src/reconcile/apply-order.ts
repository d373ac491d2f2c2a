import { groupOf } from "../kube/cluster.ts";

/**
 * Kinds in the order in which they are applied; each may need those before it. Deleting goes the other way.
 * Kinds that are not listed (custom resources above all) come after the workloads' configuration and before
 * what may refuse others: admission webhooks and policies come last.
 */
const before: readonly string[] = [
  "Namespace",
  "CustomResourceDefinition",
  "PriorityClass",
  "RuntimeClass",
  "StorageClass",
  "CSIDriver",
  "VolumeSnapshotClass",
  "IngressClass",
  "GatewayClass",
  "SecurityContextConstraints",
  "ServiceAccount",
  "ClusterRole",
  "ClusterRoleBinding",
  "Role",
  "RoleBinding",
  "ResourceQuota",
  "LimitRange",
  "NetworkPolicy",
  "Secret",
  "ConfigMap",
  "PersistentVolume",
  "PersistentVolumeClaim",
  "Service",
  "Endpoints",
  "EndpointSlice",
  "DaemonSet",
  "Pod",
  "ReplicationController",
  "ReplicaSet",
  "Deployment",
  "StatefulSet",
  "Job",
  "CronJob",
  "PodDisruptionBudget",
  "HorizontalPodAutoscaler",
  "Ingress",
  "Route",
  "APIService",
];
const after: readonly string[] = [
  "ValidatingAdmissionPolicy",
  "ValidatingAdmissionPolicyBinding",
  "MutatingAdmissionPolicy",
  "MutatingAdmissionPolicyBinding",
  "MutatingWebhookConfiguration",
  "ValidatingWebhookConfiguration",
];

export const namespaceRank = 0;
export const crdRank = 1;

/** The group of objects that may be applied side by side; lower ranks first. */
export function applyRank({
  apiVersion,
  kind,
}: {
  readonly apiVersion: string;
  readonly kind: string;
}): number {
  // A custom resource may share its kind's name with a built-in one ("Service" of Knative): only the
  // groups of Kubernetes and OpenShift count.
  const group = groupOf(apiVersion);
  const builtIn = !group.includes(".") || /(^|\.)(k8s\.io|openshift\.io)$/.test(group);
  const early = builtIn ? before.indexOf(kind) : -1;
  if (early !== -1) return early;
  const late = builtIn ? after.indexOf(kind) : -1;
  return late === -1 ? before.length : before.length + 1 + late;
}

export const isNamespace = ({
  apiVersion,
  kind,
}: {
  readonly apiVersion: string;
  readonly kind: string;
}): boolean => apiVersion === "v1" && kind === "Namespace";

export const isCrd = ({
  apiVersion,
  kind,
}: {
  readonly apiVersion: string;
  readonly kind: string;
}): boolean => kind === "CustomResourceDefinition" && groupOf(apiVersion) === "apiextensions.k8s.io";
