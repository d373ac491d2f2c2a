import type { ObjectHealth } from "@rciots/protocol";
import { groupOf, type KubeObject } from "../kube/cluster.ts";

export interface Health {
  readonly health: ObjectHealth;
  /** What it waits for or what is wrong; absent when Current. */
  readonly message?: string;
}

interface Condition {
  type?: string;
  status?: string;
  reason?: string;
  message?: string;
}

type Fields = Record<string, unknown>;
type Rule = (object: KubeObject, status: Fields, spec: Fields) => Health;

const current: Health = { health: "Current" };
const inProgress = (message: string): Health => ({ health: "InProgress", message });
const failed = (message: string): Health => ({ health: "Failed", message });

/**
 * Health of a live object by the rules of kstatus: it looks at what every controller is meant to publish
 * (observedGeneration, the conditions Ready, Reconciling, Stalled) and knows the built-in kinds' own ways.
 */
export function healthOf(object: KubeObject | undefined): Health {
  if (!object) return { health: "NotFound", message: "it does not exist" };
  const { metadata } = object;
  if (metadata.deletionTimestamp) return terminating(object);
  const status = fields(object["status"]);
  const spec = fields(object["spec"]);
  const observed = status["observedGeneration"];
  if (typeof observed === "number" && metadata.generation !== undefined && observed !== metadata.generation) {
    return inProgress(`its controller has seen generation ${observed} of ${metadata.generation}`);
  }
  const rule = rules[`${groupOf(object.apiVersion)}/${object.kind}`];
  return rule ? rule(object, status, spec) : byConditions(status);
}

function terminating({ metadata }: KubeObject): Health {
  const finalizers = metadata.finalizers ?? [];
  const waiting = finalizers.length > 0 ? `; waits for the finalizers ${finalizers.join(", ")}` : "";
  return { health: "Terminating", message: `it is being deleted${waiting}` };
}

/** Kinds whose objects are complete once stored: no status worth a full read, metadata is enough. */
export function hasStatus({
  apiVersion,
  kind,
}: {
  readonly apiVersion: string;
  readonly kind: string;
}): boolean {
  return !withoutStatus.has(`${groupOf(apiVersion)}/${kind}`);
}

const withoutStatus = new Set([
  "/ConfigMap",
  "/Secret",
  "/ServiceAccount",
  "/LimitRange",
  "/Endpoints",
  "/PodTemplate",
  "rbac.authorization.k8s.io/Role",
  "rbac.authorization.k8s.io/RoleBinding",
  "rbac.authorization.k8s.io/ClusterRole",
  "rbac.authorization.k8s.io/ClusterRoleBinding",
  "networking.k8s.io/NetworkPolicy",
  "networking.k8s.io/IngressClass",
  "discovery.k8s.io/EndpointSlice",
  "scheduling.k8s.io/PriorityClass",
  "node.k8s.io/RuntimeClass",
  "storage.k8s.io/StorageClass",
  "storage.k8s.io/CSIDriver",
  "coordination.k8s.io/Lease",
  "admissionregistration.k8s.io/ValidatingWebhookConfiguration",
  "admissionregistration.k8s.io/MutatingWebhookConfiguration",
]);

const rules: Readonly<Record<string, Rule>> = {
  "apps/Deployment": deployment,
  "apps/StatefulSet": statefulSet,
  "apps/DaemonSet": daemonSet,
  "apps/ReplicaSet": replicaSet,
  "/ReplicationController": replicaSet,
  "/Pod": pod,
  "batch/Job": job,
  "batch/CronJob": () => current,
  "/PersistentVolumeClaim": persistentVolumeClaim,
  "/Service": service,
  "/Namespace": namespace,
  "apiextensions.k8s.io/CustomResourceDefinition": crd,
  "policy/PodDisruptionBudget": podDisruptionBudget,
};

function deployment(_object: KubeObject, status: Fields, spec: Fields): Health {
  const conditions = conditionsOf(status);
  const progressing = conditions.get("Progressing");
  if (progressing?.reason === "ProgressDeadlineExceeded") return failed(textOf(progressing));
  const failure = conditions.get("ReplicaFailure");
  if (isTrue(failure)) return inProgress(textOf(failure));
  if (status["observedGeneration"] === undefined) return inProgress("its controller has not seen it yet");
  const wanted = count(spec["replicas"], 1);
  const updated = count(status["updatedReplicas"]);
  if (updated < wanted) return inProgress(`${updated} of ${wanted} replicas updated`);
  const total = count(status["replicas"]);
  if (total > updated) return inProgress(`${total - updated} old replicas still to go`);
  return availability(wanted, count(status["availableReplicas"]));
}

function availability(wanted: number, available: number): Health {
  return available < wanted ? inProgress(`${available} of ${wanted} replicas available`) : current;
}

function statefulSet(_object: KubeObject, status: Fields, spec: Fields): Health {
  const strategy = fields(spec["updateStrategy"]);
  if (strategy["type"] === "OnDelete") return current;
  if (status["observedGeneration"] === undefined) return inProgress("its controller has not seen it yet");
  const wanted = count(spec["replicas"], 1);
  const ready = count(status["readyReplicas"]);
  if (count(status["replicas"]) < wanted)
    return inProgress(`${count(status["replicas"])} of ${wanted} replicas made`);
  if (ready < wanted) return inProgress(`${ready} of ${wanted} replicas ready`);
  const partition = count(fields(strategy["rollingUpdate"])["partition"]);
  const updated = count(status["updatedReplicas"]);
  if (partition > 0)
    return updated < wanted - partition ? inProgress(`${updated} replicas updated`) : current;
  const settled = status["currentRevision"] === status["updateRevision"];
  return settled ? current : inProgress(`${updated} of ${wanted} replicas updated`);
}

function daemonSet(_object: KubeObject, status: Fields, spec: Fields): Health {
  if (status["observedGeneration"] === undefined) return inProgress("its controller has not seen it yet");
  if (fields(spec["updateStrategy"])["type"] === "OnDelete") return current;
  const wanted = count(status["desiredNumberScheduled"]);
  const updated = count(status["updatedNumberScheduled"]);
  if (updated < wanted) return inProgress(`${updated} of ${wanted} nodes updated`);
  const available = count(status["numberAvailable"]);
  return available < wanted ? inProgress(`available on ${available} of ${wanted} nodes`) : current;
}

function replicaSet(_object: KubeObject, status: Fields, spec: Fields): Health {
  const failure = conditionsOf(status).get("ReplicaFailure");
  if (isTrue(failure)) return inProgress(textOf(failure));
  if (status["observedGeneration"] === undefined) return inProgress("its controller has not seen it yet");
  return availability(count(spec["replicas"], 1), count(status["availableReplicas"]));
}

function pod(_object: KubeObject, status: Fields): Health {
  const phase = status["phase"];
  if (phase === "Succeeded") return current;
  if (phase === "Failed")
    return failed(text(status["message"]) || text(status["reason"]) || "the Pod failed");
  const waiting = waitingContainer(status);
  if (waiting) return waiting;
  const conditions = conditionsOf(status);
  const ready = conditions.get("Ready");
  if (isTrue(ready)) return current;
  const scheduled = conditions.get("PodScheduled");
  if (scheduled && !isTrue(scheduled)) return inProgress(textOf(scheduled));
  return inProgress(ready?.message || `the Pod is ${text(phase) || "not started"}`);
}

/** A container that keeps crashing or whose image can't be had will not get better by waiting alone. */
function waitingContainer(status: Fields): Health | undefined {
  for (const entry of listOf(status["containerStatuses"])) {
    const waiting = fields(fields(entry["state"])["waiting"]);
    const reason = text(waiting["reason"]);
    const words = `container ${text(entry["name"])}: ${reason}: ${text(waiting["message"])}`;
    if (reason === "CrashLoopBackOff") return failed(words);
    if (reason === "ImagePullBackOff" || reason === "ErrImagePull" || reason === "InvalidImageName") {
      return inProgress(words);
    }
  }
  return undefined;
}

function job(_object: KubeObject, status: Fields, spec: Fields): Health {
  const conditions = conditionsOf(status);
  const failure = conditions.get("Failed");
  if (isTrue(failure)) return failed(textOf(failure));
  if (isTrue(conditions.get("Complete")) || isTrue(conditions.get("Suspended")) || spec["suspend"] === true) {
    return current;
  }
  // A Job that runs is in its wanted state: some are meant to run for days.
  return status["startTime"] === undefined ? inProgress("the Job has not started") : current;
}

function persistentVolumeClaim(object: KubeObject, status: Fields): Health {
  const phase = status["phase"];
  if (phase === "Bound") return current;
  if (phase === "Lost") return failed("its volume is lost");
  return inProgress(`the claim ${object.metadata.name} is not bound`);
}

function service(_object: KubeObject, status: Fields, spec: Fields): Health {
  if (spec["type"] !== "LoadBalancer") return current;
  const ingress = fields(status["loadBalancer"])["ingress"];
  return listOf(ingress).length > 0 ? current : inProgress("no load balancer address yet");
}

function namespace(_object: KubeObject, status: Fields): Health {
  return status["phase"] === "Terminating"
    ? { health: "Terminating", message: "it is being deleted" }
    : current;
}

function crd(_object: KubeObject, status: Fields): Health {
  const conditions = conditionsOf(status);
  const names = conditions.get("NamesAccepted");
  if (names?.status === "False") return failed(textOf(names));
  const established = conditions.get("Established");
  if (isTrue(established)) return current;
  return inProgress(established?.message || "it is not established yet");
}

function podDisruptionBudget(_object: KubeObject, status: Fields): Health {
  return status["observedGeneration"] === undefined
    ? inProgress("its controller has not seen it yet")
    : current;
}

/** Any other kind. Without these conditions an object that exists is taken as current. */
function byConditions(status: Fields): Health {
  const conditions = conditionsOf(status);
  const stalled = conditions.get("Stalled");
  if (isTrue(stalled)) return failed(textOf(stalled));
  const reconciling = conditions.get("Reconciling");
  if (isTrue(reconciling)) return inProgress(textOf(reconciling));
  const ready = conditions.get("Ready");
  if (!ready || isTrue(ready)) return current;
  return inProgress(textOf(ready));
}

const fields = (value: unknown): Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : {};

const text = (value: unknown): string => (typeof value === "string" ? value : "");

const listOf = (value: unknown): Fields[] => (Array.isArray(value) ? value.map(fields) : []);

const count = (value: unknown, otherwise = 0): number => (typeof value === "number" ? value : otherwise);

function conditionsOf(status: Fields): Map<string, Condition> {
  const conditions = listOf(status["conditions"]) as Condition[];
  return new Map(conditions.map((condition) => [condition.type ?? "", condition]));
}

const isTrue = (condition: Condition | undefined): boolean => condition?.status === "True";

const textOf = (condition: Condition | undefined): string =>
  condition?.message ||
  condition?.reason ||
  `condition ${condition?.type ?? ""} is ${condition?.status ?? "unknown"}`;
