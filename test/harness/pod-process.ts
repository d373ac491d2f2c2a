import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestCluster } from "../cluster/cluster.ts";
import { isolated, type Mount } from "./isolated-process.ts";
import { startProcess, type TestProcess } from "./process.ts";

/** The part of a Pod that a kubelet acts on; everything else in it is the API server's business. */
export interface PodSpec {
  serviceAccountName: string;
  automountServiceAccountToken?: boolean;
  securityContext?: { runAsUser?: number; fsGroup?: number };
  containers: PodContainer[];
  volumes?: {
    name: string;
    emptyDir?: object;
    configMap?: { name: string };
    projected?: object;
  }[];
}

interface PodContainer {
  command?: string[];
  args?: string[];
  env?: { name: string; value?: string; valueFrom?: ValueSource }[];
  volumeMounts?: { name: string; mountPath: string }[];
  ports?: { name: string; containerPort: number }[];
  livenessProbe?: Probe;
  readinessProbe?: Probe;
}

interface Probe {
  httpGet?: { path: string; port: string };
}

interface ValueSource {
  secretKeyRef?: { name: string; key: string; optional?: boolean };
  fieldRef?: { fieldPath: string };
}

export interface Pod {
  metadata: { name: string; namespace: string };
  spec: PodSpec;
}

export interface PodProcess {
  process: TestProcess;
  /** The status of an HTTP probe, asked as a kubelet asks. */
  probe(name: "livenessProbe" | "readinessProbe"): Promise<number>;
  remove(): Promise<void>;
}

export interface PodSurroundings {
  /** What the image would run. */
  entrypoint: string[];
  nodeName: string;
  podIp: string;
  /** Folders of the image, by their paths in it. */
  image?: Readonly<Record<string, string>>;
  /** In place of the Pod's own, for what only a cluster's network could lead to. */
  env?: Readonly<Record<string, string>>;
}

/**
 * Plays the kubelet's part for a Pod of one container, as a process: its variables, its volumes at their paths, a
 * token of its service account, nothing else that can be written to, an arbitrary user without any capability.
 */
export async function startPod(
  cluster: TestCluster,
  pod: Pod,
  options: PodSurroundings,
): Promise<PodProcess> {
  const { namespace } = pod.metadata;
  const [container, ...others] = pod.spec.containers;
  assert.ok(container && others.length === 0, "a Pod of one container");
  assert.equal(pod.spec.securityContext?.runAsUser, undefined, "the cluster chooses the user");
  const folder = mkdtempSync(join(tmpdir(), "rciots-pod-"));
  chmodSync(folder, 0o755);

  const env = await environmentOf(cluster, namespace, container, options);
  const mounts = [
    ...Object.entries(options.image ?? {}).map(([target, source]) => ({ source, target })),
    ...(await prepareVolumes(cluster, pod, container, folder)),
  ];
  const command = [...(container.command ?? options.entrypoint), ...(container.args ?? [])];
  const running = startProcess("unshare", isolated({ mounts, folder, command }), {
    ...env,
    ...options.env,
    KUBERNETES_SERVICE_HOST: new URL(cluster.server).hostname,
    KUBERNETES_SERVICE_PORT: new URL(cluster.server).port,
    HOME: "/",
  });
  return {
    process: running,
    async probe(name) {
      const httpGet = container[name]?.httpGet;
      assert.ok(httpGet, `the Pod has a ${name} by HTTP`);
      const { path, port } = httpGet;
      const number = container.ports?.find((candidate) => candidate.name === port)?.containerPort;
      return (await fetch(`http://${options.podIp}:${number}${path}`)).status;
    },
    async remove() {
      await running.kill("SIGKILL");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function readObject<T>(cluster: TestCluster, path: string): Promise<T | undefined> {
  const { status, text } = await cluster.request({ path });
  if (status === 404) return undefined;
  assert.equal(status, 200, text);
  return JSON.parse(text) as T;
}

async function environmentOf(
  cluster: TestCluster,
  namespace: string,
  container: PodContainer,
  { nodeName, podIp }: PodSurroundings,
): Promise<Record<string, string>> {
  const fields: Record<string, string> = { "spec.nodeName": nodeName, "status.podIP": podIp };
  const env: Record<string, string> = {};
  for (const { name, value, valueFrom } of container.env ?? []) {
    if (valueFrom?.secretKeyRef) {
      const { name: secretName, key, optional } = valueFrom.secretKeyRef;
      const path = `/api/v1/namespaces/${namespace}/secrets/${secretName}`;
      const encoded = (await readObject<{ data?: Record<string, string> }>(cluster, path))?.data?.[key];
      assert.ok(encoded !== undefined || optional === true, `the Secret ${secretName} has ${key}`);
      if (encoded !== undefined) env[name] = Buffer.from(encoded, "base64").toString();
    } else if (valueFrom?.fieldRef) {
      const field = fields[valueFrom.fieldRef.fieldPath];
      assert.ok(field !== undefined, valueFrom.fieldRef.fieldPath);
      env[name] = field;
    } else env[name] = value ?? "";
  }
  return env;
}

async function prepareVolumes(
  cluster: TestCluster,
  { metadata, spec }: Pod,
  container: PodContainer,
  folder: string,
): Promise<Mount[]> {
  const mounts: Mount[] = [];
  for (const { name, mountPath } of container.volumeMounts ?? []) {
    const volume = spec.volumes?.find((candidate) => candidate.name === name);
    assert.ok(volume, `there is a volume ${name}`);
    const source = join(folder, name);
    mkdirSync(source);
    if (volume.emptyDir) chmodSync(source, 0o777);
    else if (volume.projected) await writeServiceAccount(cluster, metadata.namespace, spec, source);
    else if (volume.configMap) {
      const path = `/api/v1/namespaces/${metadata.namespace}/configmaps/${volume.configMap.name}`;
      const map = await readObject<{ data: Record<string, string> }>(cluster, path);
      for (const [file, text] of Object.entries(map?.data ?? {})) writeFileSync(join(source, file), text);
    } else assert.fail(`the volume ${name} is of a kind that isn't played`);
    mounts.push({ source, target: mountPath });
  }
  return mounts;
}

async function writeServiceAccount(
  cluster: TestCluster,
  namespace: string,
  { serviceAccountName }: PodSpec,
  folder: string,
): Promise<void> {
  const { status, text } = await cluster.request({
    method: "POST",
    path: `/api/v1/namespaces/${namespace}/serviceaccounts/${serviceAccountName}/token`,
    body: {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      spec: { expirationSeconds: 3_600 },
    },
  });
  assert.equal(status, 201, text);
  const { token } = (JSON.parse(text) as { status: { token: string } }).status;
  writeFileSync(join(folder, "token"), token);
  writeFileSync(join(folder, "ca.crt"), cluster.caPem);
  writeFileSync(join(folder, "namespace"), namespace);
}
