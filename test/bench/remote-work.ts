import { clusterAvailability, startCluster, type TestCluster } from "../cluster/cluster.ts";
import { startKubelet, type Kubelet } from "../cluster/kubelet.ts";
import { startAgentProcess } from "../harness/agent-process.ts";
import type { ApiClient } from "../harness/api-client.ts";
import type { TestPage } from "../harness/browser.ts";
import { settle, visit } from "../harness/console-visit.ts";
import { eventually } from "../harness/eventually.ts";
import { createToken, deviceOnline } from "../harness/fleet.ts";
import type { PlatformProcess } from "../harness/platform-process.ts";

/*
 * What pictures of work on a device from afar need: a real agent with everything switched on, and a cluster where one
 * can be had.
 */

export interface RemoteWork {
  readonly deviceId: string;
  readonly deviceName: string;
  /** Whether it has containers, whose logs can be read. */
  readonly hasPods: boolean;
  stop(): Promise<void>;
}

const deviceName = "checkout-1";
const script = `for part in kernel disk memory; do
  echo "checking the $part of $SITE ..."
done
df -h / | tail -1
echo "the clock is 3 s late" >&2
`;
const pod = { namespace: "default", pod: "storefront-0", container: "web" };
const podManifest = `apiVersion: v1
kind: Pod
metadata: { name: ${pod.pod}, labels: { app: storefront } }
spec: { containers: [{ name: ${pod.container}, image: "registry.example.com/storefront:1.4.2" }] }
`;
const logLines = [
  "listening on :8080",
  "connected to prices.example.com in 41 ms",
  'GET / 200 in 3 ms "berlin-01"',
  'GET /articles?page=2 200 in 11 ms "berlin-01"',
  "warning: the price of article 4711 is older than a day",
  'POST /checkout 201 in 27 ms "berlin-02"',
  'GET /health 200 in 1 ms "kubelet"',
];

async function startPods(): Promise<{ cluster: TestCluster; kubelet: Kubelet } | undefined> {
  if (!(await clusterAvailability()).available) return undefined;
  const cluster = await startCluster();
  const kubelet = await startKubelet(cluster);
  await cluster.kubectl(["apply", "-f", "-"], podManifest);
  await kubelet.run(pod.namespace, pod.pod);
  await kubelet.log(pod, logLines);
  return { cluster, kubelet };
}

/** A saved script, and a device that ran it. */
async function runCommand(api: ApiClient): Promise<void> {
  const { id: scriptId } = await api.post<{ id: string }>("/scripts", {
    name: "health check",
    description: "Looks at what usually breaks first.",
    text: script,
    parameters: [{ name: "SITE", description: "For the report.", defaultValue: "berlin" }],
  });
  const { id } = await api.post<{ id: string }>("/commands", { selector: { q: "^checkout" }, scriptId });
  await eventually(async () => {
    const { state } = await api.get<{ state: string }>(`/commands/${id}`);
    if (state !== "finished") throw new Error(`The command is ${state}.`);
  });
}

async function openTunnels(api: ApiClient, deviceId: string): Promise<void> {
  const target = { host: "127.0.0.1", port: 22 };
  await api.post(`/devices/${deviceId}/tunnels`, { name: "", target, protocol: "ssh" });
  await api.post(`/devices/${deviceId}/web-tunnels`, {
    name: "Camera in the hall",
    target: { host: "192.168.1.20", port: 443 },
    scheme: "https",
  });
}

export async function startRemoteWork(platform: PlatformProcess, api: ApiClient): Promise<RemoteWork> {
  await api.put("/organization/remote-access", {
    clusterApi: { viewer: "none", operator: "view", admin: "edit", owner: "edit" },
    terminal: "operator",
  });
  const pods = await startPods();
  const agent = startAgentProcess({
    platform,
    token: await createToken(api, { labels: { site: "berlin" } }),
    name: deviceName,
    env: {
      RCIOTS_COMMANDS: "host",
      RCIOTS_TERMINAL: "any",
      RCIOTS_TERMINAL_SHELL: "/bin/sh",
      RCIOTS_CLUSTER_API: "edit",
    },
    ...(pods === undefined ? {} : { kubeconfig: pods.cluster.kubeconfigPath }),
  });
  const { id: deviceId } = await deviceOnline(api, deviceName);
  await openTunnels(api, deviceId);
  await runCommand(api);
  return {
    deviceId,
    deviceName,
    hasPods: pods !== undefined,
    async stop() {
      await agent.stop();
      await pods?.kubelet.stop();
      await pods?.cluster.stop();
    },
  };
}

const typed = ["uptime -p", "cat /etc/debian_version", 'for n in 1 2 3; do echo "shelf $n: ok"; done'];

const prompt = "pi@checkout-1:~$";

/** Opens a terminal, and does something in it; what is typed ahead would stand among what is printed. */
async function useTerminal({ page }: TestPage): Promise<void> {
  await page.getByRole("button", { name: "Open terminal" }).first().click();
  const rows = page.locator(".xterm-rows");
  await rows.waitFor();
  await page.locator(".xterm-helper-textarea").focus();
  await page.keyboard.type(`PS1='${prompt} '; clear\n`);
  for (const [index, line] of [...typed, ""].entries()) {
    await eventually(async () => {
      const shown = (await rows.innerText()).replaceAll("\u00a0", " ").trimEnd();
      const isReady = shown.endsWith(prompt) && shown.split(prompt).length === index + 2;
      if (!isReady) throw new Error(`The terminal is not ready: ${shown}`);
    });
    await page.keyboard.type(line === "" ? "" : `${line}\n`);
  }
}

/** The tabs of the device where people work from afar, as they look in use. */
export async function showRemoteWork(
  opened: TestPage,
  { deviceId, hasPods }: RemoteWork,
  take: (tab: string) => Promise<void>,
): Promise<void> {
  for (const tab of [...(hasPods ? ["logs"] : []), "terminal", "commands", "tunnels"]) {
    await visit(opened.page, `/devices/${deviceId}/${tab}`);
    if (tab === "terminal") await useTerminal(opened);
    if (tab === "logs") await opened.page.getByText("listening on :8080").waitFor();
    await settle(opened.page);
    await take(tab);
  }
}
