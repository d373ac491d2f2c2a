import assert from "node:assert/strict";
import type { KubeObject } from "../kube/cluster.ts";
import { healthOf } from "./health.ts";

const object = (
  apiVersion: string,
  kind: string,
  spec: object,
  status: object,
  metadata: object = {},
): KubeObject => ({
  apiVersion,
  kind,
  metadata: { name: "x", namespace: "y", generation: 2, ...metadata },
  spec,
  status,
});

const condition = (type: string, status: string, reason = "", message = "") => ({
  type,
  status,
  reason,
  message,
});

interface Case {
  readonly it: string;
  readonly object: KubeObject | undefined;
  readonly health: string;
  readonly message?: RegExp;
}

const rollout = {
  observedGeneration: 2,
  replicas: 3,
  updatedReplicas: 3,
  readyReplicas: 3,
  availableReplicas: 3,
};
const deployment = (status: object) => object("apps/v1", "Deployment", { replicas: 3 }, status);
const statefulSet = (status: object, spec: object = {}) =>
  object("apps/v1", "StatefulSet", { replicas: 3, ...spec }, status);
const daemonSet = (status: object) => object("apps/v1", "DaemonSet", {}, status);
const pod = (status: object) => object("v1", "Pod", {}, status);
const job = (status: object, spec: object = {}) => object("batch/v1", "Job", spec, status);
const waiting = (reason: string) => [{ name: "main", state: { waiting: { reason, message: "why" } } }];

const cases: Record<string, Case[]> = {
  "an object does not exist or is on its way out": [
    { it: "is not found", object: undefined, health: "NotFound" },
    {
      it: "is terminating, and says what it waits for",
      object: object(
        "v1",
        "ConfigMap",
        {},
        {},
        { deletionTimestamp: "2026-01-01T00:00:00Z", finalizers: ["a/b"] },
      ),
      health: "Terminating",
      message: /a\/b/,
    },
    {
      it: "takes a Namespace's phase for it",
      object: object("v1", "Namespace", {}, { phase: "Terminating" }),
      health: "Terminating",
    },
  ],
  "its controller lags behind": [
    {
      it: "is in progress whatever its conditions say",
      object: object(
        "example.com/v1",
        "Any",
        {},
        { observedGeneration: 1, conditions: [condition("Ready", "True")] },
      ),
      health: "InProgress",
      message: /generation 1 of 2/,
    },
  ],
  "it is a Deployment": [
    {
      it: "is current when all replicas are new and available",
      object: deployment(rollout),
      health: "Current",
    },
    { it: "waits for its controller", object: deployment({}), health: "InProgress", message: /not seen/ },
    {
      it: "waits for updated replicas",
      object: deployment({ ...rollout, updatedReplicas: 1 }),
      health: "InProgress",
      message: /1 of 3 replicas updated/,
    },
    {
      it: "waits for old replicas to go",
      object: deployment({ ...rollout, replicas: 4 }),
      health: "InProgress",
      message: /1 old/,
    },
    {
      it: "waits for available replicas",
      object: deployment({ ...rollout, availableReplicas: 2 }),
      health: "InProgress",
      message: /2 of 3 replicas available/,
    },
    {
      it: "has failed once its own deadline passed",
      object: deployment({
        ...rollout,
        conditions: [condition("Progressing", "False", "ProgressDeadlineExceeded", "timed out")],
      }),
      health: "Failed",
      message: /timed out/,
    },
    {
      it: "says why its Pods can't be made",
      object: deployment({
        ...rollout,
        conditions: [condition("ReplicaFailure", "True", "FailedCreate", "quota")],
      }),
      health: "InProgress",
      message: /quota/,
    },
    {
      it: "counts one replica where none is given",
      object: object("apps/v1", "Deployment", {}, { observedGeneration: 2 }),
      health: "InProgress",
      message: /0 of 1/,
    },
  ],
  "it is a StatefulSet": [
    {
      it: "is current",
      object: statefulSet({ ...rollout, currentRevision: "a", updateRevision: "a" }),
      health: "Current",
    },
    {
      it: "waits for readiness",
      object: statefulSet({ ...rollout, readyReplicas: 2 }),
      health: "InProgress",
      message: /2 of 3/,
    },
    {
      it: "waits for the newer revision",
      object: statefulSet({ ...rollout, updatedReplicas: 1, currentRevision: "a", updateRevision: "b" }),
      health: "InProgress",
    },
    {
      it: "respects a partition",
      object: statefulSet(
        { ...rollout, updatedReplicas: 1 },
        { updateStrategy: { rollingUpdate: { partition: 2 } } },
      ),
      health: "Current",
    },
    {
      it: "does not wait for what a person is to delete",
      object: statefulSet({}, { updateStrategy: { type: "OnDelete" } }),
      health: "Current",
    },
  ],
  "it is a DaemonSet": [
    {
      it: "is current",
      object: daemonSet({
        observedGeneration: 2,
        desiredNumberScheduled: 2,
        updatedNumberScheduled: 2,
        numberAvailable: 2,
      }),
      health: "Current",
    },
    {
      it: "is current where no node wants it",
      object: daemonSet({ observedGeneration: 2, desiredNumberScheduled: 0 }),
      health: "Current",
    },
    {
      it: "waits for its nodes",
      object: daemonSet({
        observedGeneration: 2,
        desiredNumberScheduled: 2,
        updatedNumberScheduled: 2,
        numberAvailable: 1,
      }),
      health: "InProgress",
      message: /1 of 2/,
    },
  ],
  "it is a Pod": [
    {
      it: "is current when ready",
      object: pod({ phase: "Running", conditions: [condition("Ready", "True")] }),
      health: "Current",
    },
    { it: "is current when it is done", object: pod({ phase: "Succeeded" }), health: "Current" },
    {
      it: "has failed",
      object: pod({ phase: "Failed", message: "evicted" }),
      health: "Failed",
      message: /evicted/,
    },
    {
      it: "has failed when it crashes again and again",
      object: pod({ phase: "Running", containerStatuses: waiting("CrashLoopBackOff") }),
      health: "Failed",
    },
    {
      it: "names the image it can't get",
      object: pod({ phase: "Pending", containerStatuses: waiting("ImagePullBackOff") }),
      health: "InProgress",
      message: /ImagePullBackOff: why/,
    },
    {
      it: "says why it can't be scheduled",
      object: pod({
        phase: "Pending",
        conditions: [condition("PodScheduled", "False", "Unschedulable", "no nodes")],
      }),
      health: "InProgress",
      message: /no nodes/,
    },
  ],
  "it is a Job": [
    {
      it: "is current when it runs",
      object: job({ startTime: "2026-01-01T00:00:00Z", active: 1 }),
      health: "Current",
    },
    {
      it: "is current when it is done",
      object: job({ conditions: [condition("Complete", "True")] }),
      health: "Current",
    },
    { it: "is current when suspended", object: job({}, { suspend: true }), health: "Current" },
    { it: "waits for its start", object: job({}), health: "InProgress" },
    {
      it: "has failed",
      object: job({ conditions: [condition("Failed", "True", "BackoffLimitExceeded", "too often")] }),
      health: "Failed",
      message: /too often/,
    },
  ],
  "it is storage, network or an extension": [
    {
      it: "takes a bound claim as current",
      object: object("v1", "PersistentVolumeClaim", {}, { phase: "Bound" }),
      health: "Current",
    },
    {
      it: "waits for a claim",
      object: object("v1", "PersistentVolumeClaim", {}, { phase: "Pending" }),
      health: "InProgress",
    },
    {
      it: "takes a lost claim as failed",
      object: object("v1", "PersistentVolumeClaim", {}, { phase: "Lost" }),
      health: "Failed",
    },
    { it: "takes a plain Service as current", object: object("v1", "Service", {}, {}), health: "Current" },
    {
      it: "waits for a load balancer",
      object: object("v1", "Service", { type: "LoadBalancer" }, {}),
      health: "InProgress",
    },
    {
      it: "sees its address",
      object: object(
        "v1",
        "Service",
        { type: "LoadBalancer" },
        { loadBalancer: { ingress: [{ ip: "192.0.2.1" }] } },
      ),
      health: "Current",
    },
    {
      it: "waits for a CRD",
      object: object("apiextensions.k8s.io/v1", "CustomResourceDefinition", {}, {}),
      health: "InProgress",
    },
    {
      it: "takes an established CRD as current",
      object: object(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        {},
        { conditions: [condition("Established", "True")] },
      ),
      health: "Current",
    },
    {
      it: "takes a CRD whose names are taken as failed",
      object: object(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        {},
        { conditions: [condition("NamesAccepted", "False", "Conflict", "taken")] },
      ),
      health: "Failed",
      message: /taken/,
    },
  ],
  "it is of any other kind": [
    {
      it: "is current without conditions",
      object: object("example.com/v1", "Any", {}, {}),
      health: "Current",
    },
    {
      it: "is current when ready",
      object: object("example.com/v1", "Any", {}, { conditions: [condition("Ready", "True")] }),
      health: "Current",
    },
    {
      it: "waits until it is ready",
      object: object(
        "example.com/v1",
        "Any",
        {},
        { conditions: [condition("Ready", "False", "Waiting", "soon")] },
      ),
      health: "InProgress",
      message: /soon/,
    },
    {
      it: "is in progress while reconciling",
      object: object("example.com/v1", "Any", {}, { conditions: [condition("Reconciling", "True")] }),
      health: "InProgress",
    },
    {
      it: "has failed when stalled",
      object: object(
        "example.com/v1",
        "Any",
        {},
        { conditions: [condition("Stalled", "True", "Bad", "no way")] },
      ),
      health: "Failed",
      message: /no way/,
    },
    {
      it: "does not confuse it with a built-in kind of the same name",
      object: object("serving.knative.dev/v1", "Service", { type: "LoadBalancer" }, {}),
      health: "Current",
    },
    {
      it: "survives a status of any shape",
      object: { ...object("apps/v1", "Deployment", {}, {}), status: "odd", spec: [1] },
      health: "InProgress",
    },
    {
      it: "survives conditions of any shape",
      object: object("example.com/v1", "Any", {}, { conditions: [null, 3, "x"] }),
      health: "Current",
    },
  ],
};

for (const [when, group] of Object.entries(cases)) {
  describe(`when health is judged and ${when}`, () => {
    for (const each of group) {
      it(each.it, () => {
        const health = healthOf(each.object);
        assert.equal(health.health, each.health, health.message);
        if (each.message) assert.match(health.message ?? "", each.message);
      });
    }
  });
}
