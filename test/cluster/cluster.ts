import { execFile } from "node:child_process";
import { mkdtemp, mkdir, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AdminRequest, createAdminRequest } from "./api-request.ts";
import { type Binaries, clusterAvailability } from "./binaries.ts";
import { type ClusterCertificates, createClusterCertificates } from "./certificates.ts";
import { type Component, createComponent } from "./component.ts";
import { apiserverFlags, controllerManagerFlags, etcdFlags, type FlagInputs } from "./flags.ts";
import { writeKubeconfig } from "./kubeconfig.ts";
import { startWatchdog, type Watchdog } from "./watchdog.ts";

export { clusterAvailability, type ClusterAvailability } from "./binaries.ts";

export type ComponentName = "etcd" | "apiserver" | "controller-manager";

export interface StartClusterOptions {
  /** Holds all state and logs. Default: a new temporary folder, removed by `stop()`. */
  readonly dir?: string;
  readonly log?: (line: string) => void;
}

export interface ServiceAccountOptions {
  readonly namespace: string;
  readonly name: string;
  /** Bound to the account across the cluster when given, "cluster-admin" for instance. */
  readonly clusterRole?: string;
}

export interface TestCluster {
  readonly dir: string;
  /** Administrator's kubeconfig (system:masters, client certificate). */
  readonly kubeconfigPath: string;
  /** "https://127.0.0.1:port"; the port stays the same over restarts. */
  readonly server: string;
  readonly caPem: string;
  readonly binaries: Binaries;
  /** kubectl as administrator. Resolves to stdout; rejects with `code`, `stdout` and `stderr`. */
  kubectl(args: readonly string[], stdin?: string): Promise<string>;
  /** One HTTPS request to the API server as administrator. */
  request: AdminRequest;
  /** Makes namespace and account where they are missing; resolves to the path of a kubeconfig with a token. */
  createServiceAccountKubeconfig(options: ServiceAccountOptions): Promise<string>;
  /** kill -9; resolves once the process is gone. */
  kill(name: ComponentName): Promise<void>;
  /** Starts it (after kill -9 where it still runs); resolves once it serves. */
  restart(name: ComponentName): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts etcd, kube-apiserver and kube-controller-manager on loopback, with TLS, RBAC and service account
 * tokens. There is no kubelet: Pods are created and never run, unless `startKubelet` stands in for one. Throws with reason and remedy where the
 * binaries are missing (ask `clusterAvailability()` first) and with the log where a component does not start.
 */
export async function startCluster(options: StartClusterOptions = {}): Promise<TestCluster> {
  const availability = await clusterAvailability();
  if (!availability.available) throw new Error(`${availability.reason}; ${availability.remedy}`);
  const { binaries } = availability;
  const attempts = 3;
  for (let attempt = 1; ; attempt++) {
    try {
      return await bringUp(options, binaries);
    } catch (error) {
      // A free port can be taken by another process between our asking for it and the component's binding.
      if (attempt === attempts || !/address already in use/.test(String(error))) throw error;
    }
  }
}

async function bringUp({ dir: givenDir, log = () => undefined }: StartClusterOptions, binaries: Binaries) {
  const startedMs = Date.now();
  const dir = givenDir ?? (await mkdtemp(join(tmpdir(), "rciots-cluster-")));
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const watchdog = startWatchdog(givenDir ? undefined : dir);
  try {
    const certificates = await createClusterCertificates(dir);
    const control = await createControlPlane(dir, binaries, certificates, watchdog);
    for (const name of ["etcd", "apiserver", "controller-manager"] as const) {
      await control.components[name].start();
      log(`${name} is up after ${Date.now() - startedMs} ms`);
    }
    return createHandle({ dir, binaries, certificates, watchdog, removeDir: !givenDir, ...control });
  } catch (error) {
    await watchdog.stop();
    if (!givenDir) await rm(dir, { recursive: true, force: true });
    throw error;
  }
}

interface ControlPlane {
  readonly server: string;
  readonly kubeconfigPath: string;
  readonly request: AdminRequest;
  readonly components: Record<ComponentName, Component>;
}

async function createControlPlane(
  dir: string,
  binaries: Binaries,
  certificates: ClusterCertificates,
  watchdog: Watchdog,
): Promise<ControlPlane> {
  const [etcdPort, apiserverPort] = await freePorts(2);
  const server = `https://127.0.0.1:${apiserverPort}`;
  const { caPem, admin, controllerManager } = certificates;
  const kubeconfigPath = join(dir, "admin.kubeconfig");
  const controllerManagerKubeconfig = join(dir, "controller-manager.kubeconfig");
  const user = (files: typeof admin) => ({ certFile: files.cert, keyFile: files.key });
  await writeKubeconfig(kubeconfigPath, { server, caPem, user: user(admin) });
  await writeKubeconfig(controllerManagerKubeconfig, { server, caPem, user: user(controllerManager) });
  const request = await createAdminRequest(server, certificates);
  const etcdUrl = `https://127.0.0.1:${etcdPort}`;
  const inputs: FlagInputs = {
    dir,
    certificates,
    etcdUrl,
    apiserverPort: apiserverPort ?? 0,
    controllerManagerKubeconfig,
  };
  const component = (name: string, binary: string, args: string[], isReady: () => Promise<boolean>) =>
    createComponent({
      name,
      binary,
      args,
      isReady,
      logFile: join(dir, `${name}.log`),
      readyTimeoutMs: 60_000,
      watchdog,
    });
  const answersOk = (path: string) => async () => (await request({ path })).status === 200;
  const etcdRequest = await createAdminRequest(etcdUrl, certificates);
  return {
    server,
    kubeconfigPath,
    request,
    components: {
      etcd: component("etcd", binaries.etcd, etcdFlags(inputs), async () => {
        return (await etcdRequest({ path: "/health" })).status === 200;
      }),
      apiserver: component(
        "apiserver",
        binaries["kube-apiserver"],
        apiserverFlags(inputs),
        answersOk("/readyz"),
      ),
      // Its first visible work: without this account no Pod is admitted to the default namespace.
      "controller-manager": component(
        "controller-manager",
        binaries["kube-controller-manager"],
        controllerManagerFlags(inputs),
        answersOk("/api/v1/namespaces/default/serviceaccounts/default"),
      ),
    },
  };
}

interface HandleInputs extends ControlPlane {
  readonly dir: string;
  readonly binaries: Binaries;
  readonly certificates: ClusterCertificates;
  readonly watchdog: Watchdog;
  readonly removeDir: boolean;
}

function createHandle(inputs: HandleInputs): TestCluster {
  const { dir, binaries, certificates, watchdog, components, server, kubeconfigPath, request } = inputs;
  const { caPem } = certificates;
  const kubectl = (args: readonly string[], stdin?: string) =>
    runKubectl(binaries.kubectl, ["--kubeconfig", kubeconfigPath, ...args], stdin);
  let accounts = 0;
  return {
    dir,
    kubeconfigPath,
    server,
    caPem,
    binaries,
    request,
    kubectl,
    createServiceAccountKubeconfig: async (account) => {
      const token = await createAccountToken(request, account);
      const path = join(dir, `service-account-${++accounts}.kubeconfig`);
      await writeKubeconfig(path, { server, caPem, user: { token }, namespace: account.namespace });
      return path;
    },
    kill: (name) => components[name].end("SIGKILL"),
    restart: async (name) => {
      await components[name].end("SIGKILL");
      await components[name].start();
    },
    stop: async () => {
      // Nothing here is worth an orderly end; SIGKILL in this order avoids seconds of graceful shutdown.
      for (const name of ["controller-manager", "apiserver", "etcd"] as const) {
        await components[name].end("SIGKILL");
      }
      await watchdog.stop();
      if (inputs.removeDir) await rm(dir, { recursive: true, force: true });
    },
  };
}

async function createAccountToken(request: AdminRequest, account: ServiceAccountOptions): Promise<string> {
  const { namespace, name, clusterRole } = account;
  const create = async (path: string, body: unknown): Promise<string> => {
    const { status, text } = await request({ method: "POST", path, body });
    if (status >= 300 && status !== 409) throw new Error(`POST ${path}: ${status} ${text}`);
    return text;
  };
  const metadata = { name };
  await create("/api/v1/namespaces", { metadata: { name: namespace } });
  await create(`/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata });
  if (clusterRole) {
    await create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {
      metadata: { name: `${namespace}-${name}-${clusterRole}` },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: clusterRole },
      subjects: [{ kind: "ServiceAccount", name, namespace }],
    });
  }
  const text = await create(`/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`, {
    spec: { expirationSeconds: 86_400 },
  });
  return (JSON.parse(text) as { status: { token: string } }).status.token;
}

function runKubectl(binary: string, args: string[], stdin?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { timeout: 120_000, maxBuffer: 256 * 1024 * 1024 };
    const child = execFile(binary, args, options, (error, stdout, stderr) => {
      if (!error) return resolve(stdout);
      const message = `kubectl ${args.slice(2).join(" ")}: ${stderr.trim() || error.message}`;
      reject(Object.assign(new Error(message, { cause: error }), { code: error.code, stdout, stderr }));
    });
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(stdin ?? "");
  });
}

/** Distinct free loopback ports: all are held open before the first is let go. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve, reject) => {
          server.once("error", reject);
          server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port));
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
