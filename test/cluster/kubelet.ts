import { appendFile, mkdir, mkdtemp, rm } from "node:fs/promises";
import https from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readFileSync } from "node:fs";
import { ensureKubelet } from "./build.ts";
import { freePorts, type TestCluster } from "./cluster.ts";
import { createComponent } from "./component.ts";
import { startWatchdog } from "./watchdog.ts";

export interface LogLine {
  text: string;
  at?: Date;
  stream?: "stdout" | "stderr";
}

/**
 * A node whose containers are this machine: what `exec` runs is a process of it, `port-forward` leads to its loopback,
 * and logs are files that a test writes. The API server and the streaming protocols are real; nothing is isolated.
 */
export interface Kubelet {
  readonly nodeName: string;
  /** Puts a Pod on the node, and says that it runs. */
  run(namespace: string, pod: string): Promise<void>;
  /** Appends to a container's log; `previous`: to that of the one before it. */
  log(
    where: { namespace: string; pod: string; container: string; previous?: boolean },
    lines: readonly (string | LogLine)[],
  ): Promise<void>;
  stop(): Promise<void>;
}

export async function startKubelet(cluster: TestCluster): Promise<Kubelet> {
  const binary = await ensureKubelet();
  const dir = await mkdtemp(join(tmpdir(), "rciots-kubelet-"));
  const [port = 0] = await freePorts(1);
  const watchdog = startWatchdog(dir);
  const file = (name: string): string => join(cluster.dir, name);
  const admin = {
    ca: cluster.caPem,
    cert: readFileSync(file("admin.crt")),
    key: readFileSync(file("admin.key")),
  };
  const component = createComponent({
    name: "kubelet",
    binary,
    args: [
      `--address=127.0.0.1:${port}`,
      `--dir=${dir}`,
      `--cert=${file("apiserver.crt")}`,
      `--key=${file("apiserver.key")}`,
      `--client-ca=${file("ca.crt")}`,
    ],
    logFile: join(dir, "kubelet.log"),
    isReady: () => isHealthy(port, admin),
    readyTimeoutMs: 30_000,
    watchdog,
  });
  await component.start();
  const nodeName = "edge-node";
  await registerNode(cluster, nodeName, port);
  return {
    nodeName,
    run: (namespace, pod) => runPod(cluster, nodeName, namespace, pod),
    async log({ namespace, pod, container, previous = false }, lines) {
      const folder = join(dir, namespace, pod, container);
      await mkdir(folder, { recursive: true });
      const text = lines.map((line) => criLine(typeof line === "string" ? { text: line } : line)).join("");
      await appendFile(join(folder, previous ? "previous.log" : "current.log"), text);
    },
    async stop() {
      await component.end("SIGKILL");
      await watchdog.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

const criLine = ({ text, at = new Date(), stream = "stdout" }: LogLine): string =>
  `${at.toISOString()} ${stream} F ${text}\n`;

function isHealthy(port: number, tls: https.AgentOptions): Promise<boolean> {
  return new Promise((resolve) => {
    const request = https.get({ host: "127.0.0.1", port, path: "/healthz", ...tls }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on("error", () => resolve(false));
  });
}

async function ask(cluster: TestCluster, method: string, path: string, body: unknown, contentType?: string) {
  const { status, text } = await cluster.request({
    method,
    path,
    body,
    ...(contentType === undefined ? {} : { contentType }),
  });
  if (status >= 300) throw new Error(`${method} ${path}: ${status} ${text}`);
  return JSON.parse(text) as { spec?: { containers: { name: string; image: string }[] } };
}

const merge = "application/merge-patch+json";

async function registerNode(cluster: TestCluster, name: string, port: number): Promise<void> {
  await ask(cluster, "POST", "/api/v1/nodes", { apiVersion: "v1", kind: "Node", metadata: { name } });
  const status = {
    addresses: [{ type: "InternalIP", address: "127.0.0.1" }],
    daemonEndpoints: { kubeletEndpoint: { Port: port } },
    conditions: [{ type: "Ready", status: "True", reason: "KubeletReady", lastTransitionTime: new Date() }],
  };
  await ask(cluster, "PATCH", `/api/v1/nodes/${name}/status`, { status }, merge);
}

async function runPod(cluster: TestCluster, node: string, namespace: string, pod: string): Promise<void> {
  const path = `/api/v1/namespaces/${namespace}/pods/${pod}`;
  await ask(cluster, "POST", `${path}/binding`, {
    apiVersion: "v1",
    kind: "Binding",
    metadata: { name: pod },
    target: { kind: "Node", name: node },
  });
  const { spec } = await ask(cluster, "GET", path, undefined);
  const now = new Date().toISOString();
  const containerStatuses = (spec?.containers ?? []).map(({ name, image }) => ({
    name,
    image,
    imageID: "",
    ready: true,
    started: true,
    restartCount: 0,
    state: { running: { startedAt: now } },
  }));
  const conditions = ["Initialized", "ContainersReady", "Ready"].map((type) => ({
    type,
    status: "True",
    lastTransitionTime: now,
  }));
  const status = { phase: "Running", startTime: now, conditions, containerStatuses };
  await ask(cluster, "PATCH", `${path}/status`, { status }, merge);
}
