import { readFile } from "node:fs/promises";
import { silentLogger } from "@rciots/runtime";
import { createKubeCluster } from "../kube/kube-cluster.ts";
import { createReconciler } from "./reconciler.ts";
import type { DesiredRevision } from "./revision.ts";
import { createFileStateStore } from "./state-store.ts";

/** A process to kill: runs a reconciler on what the JSON file named by its argument says. */
const path = process.argv[2] ?? "";
const input = JSON.parse(await readFile(path, "utf8")) as {
  dir: string;
  agentNamespace: string;
  kubeconfig: string;
  desired: DesiredRevision;
};
const reconciler = createReconciler({
  cluster: createKubeCluster({ kubeconfig: { path: input.kubeconfig } }),
  state: createFileStateStore({ dir: input.dir }),
  deviceId: "dev_test",
  agentVersion: "0.1.0",
  namespace: input.agentNamespace,
  logger: silentLogger,
  onReport: () => undefined,
});
await reconciler.setDesired(input.desired);
