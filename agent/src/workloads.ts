import type { Facts, PlatformRequest, PlatformResponse } from "@rciots/protocol";
import { AppError, errorMessage, type Logger } from "@rciots/runtime";
import type { DesiredSink } from "./channel/delivery.ts";
import type { DiffPage, DiffRequest } from "./diff/manifest-diff.ts";
import { readClusterFacts } from "./facts/cluster-facts.ts";
import type { Cluster } from "./kube/cluster.ts";
import { listPods } from "./pod-logs/pod-list.ts";
import { createReconciler, type Reconciler, type ReconcilerOptions } from "./reconcile/reconciler.ts";
import { emptyDigest, type RevisionReport } from "./reconcile/revision.ts";
import type { StateStore } from "./reconcile/state-store.ts";

export interface FoundCluster {
  cluster: Cluster;
  /** The agent's own, where it keeps the record of what it applied. */
  namespace: string;
}

export type ReconcileOptions = Partial<
  Pick<ReconcilerOptions, "concurrency" | "defaultNamespace" | "driftIntervalMs" | "reportIntervalMs">
>;

export interface WorkloadsOptions {
  /** Undefined while there is none; asked again now and then. */
  findCluster: () => Promise<FoundCluster | undefined>;
  stateStore: StateStore;
  agentVersion: string;
  onReport: (report: RevisionReport) => void;
  logger: Logger;
  reconcile?: ReconcileOptions | undefined;
}

/** The device's cluster, where it has one, and the reconciler on it. */
export interface Workloads {
  /** Looks for a cluster where there is none yet, and begins to reconcile. True where one was found just now. */
  begin(deviceId: string): Promise<boolean>;
  sink(): DesiredSink | undefined;
  /** A page of the Pods that the agent may see. Rejects with `busy` where there is no cluster. */
  pods(request: PlatformRequest<"pods:list">): Promise<PlatformResponse<"pods:list">>;
  /** Undefined while none was found. */
  cluster(): Cluster | undefined;
  /** Rejects as the reconciler does, and with `digest_unknown` where there is no cluster. */
  diff(request: DiffRequest): Promise<DiffPage>;
  /** Of the cluster, as last read. */
  facts(): Pick<Facts, "clusterKind" | "clusterVersion">;
  refreshFacts(): Promise<void>;
  decommission(options: { wipe: boolean }): Promise<void>;
  stop(): Promise<void>;
}

/** A device to which nothing is assigned has nothing to become healthy in time. */
const nothingDeadlineMs = 3_600_000;

export function createWorkloads(options: WorkloadsOptions): Workloads {
  const { findCluster, stateStore, agentVersion, onReport, logger } = options;
  let found: FoundCluster | undefined;
  let reconciler: Reconciler | undefined;
  let sink: DesiredSink | undefined;
  let facts: Pick<Facts, "clusterKind" | "clusterVersion"> = {};

  return {
    async begin(deviceId) {
      if (reconciler !== undefined) return false;
      found = await findCluster().catch((error: unknown) => {
        logger.warn({ error: errorMessage(error) }, "the cluster can't be used yet");
        return undefined;
      });
      if (found === undefined) return false;
      const { cluster, namespace } = found;
      const made = createReconciler({
        ...options.reconcile,
        cluster,
        namespace,
        state: stateStore,
        deviceId,
        agentVersion,
        onReport,
        logger,
      });
      await made.start();
      reconciler = made;
      sink = sinkOf(made);
      return true;
    },
    sink: () => sink,
    async pods(request) {
      const [cluster, made] = [found?.cluster, reconciler];
      if (cluster === undefined || made === undefined)
        throw new AppError({ code: "busy", status: 503, message: "The device has no cluster." });
      return listPods(request, { cluster, namespaces: () => made.namespaces() });
    },
    cluster: () => (sink === undefined ? undefined : found?.cluster),
    async diff(request) {
      if (reconciler !== undefined) return reconciler.diff(request);
      throw new AppError({ code: "digest_unknown", status: 409, message: "The device has no cluster." });
    },
    facts: () => facts,
    async refreshFacts() {
      if (found === undefined) return;
      const read = await readClusterFacts(found.cluster);
      // An API server that is away for a moment takes nothing away from what is known of it.
      if (read.clusterVersion !== undefined) facts = read;
    },
    async decommission({ wipe }) {
      const result = await reconciler?.decommission({ wipe });
      if (result === undefined) return;
      const left = result.left.map(({ ref }) => `${ref.kind} ${ref.namespace ?? ""}/${ref.name}`);
      logger.info({ deleted: result.deleted, left: left.slice(0, 20) }, "forgot the workloads");
    },
    async stop() {
      await reconciler?.stop();
      found?.cluster.close();
    },
  };
}

function sinkOf(reconciler: Reconciler): DesiredSink {
  return {
    current() {
      const { desired } = reconciler.status();
      if (desired === undefined) return undefined;
      const { revision, digest } = desired;
      return digest === emptyDigest ? { revision } : { revision, digest };
    },
    setDesired: (desired) => reconciler.setDesired(desired),
    setNothing: (revision) =>
      reconciler.setDesired({
        revision,
        digest: emptyDigest,
        documents: [],
        deadlineMs: nothingDeadlineMs,
      }),
  };
}
