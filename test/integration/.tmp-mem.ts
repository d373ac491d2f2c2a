import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { startPlatform } from "./agent-fixture.ts";
import { startCluster } from "../cluster/cluster.ts";
import { eventually } from "../harness/eventually.ts";
const cluster: any = await startCluster();
const platform = await startPlatform();
const token = await platform.addToken();
const url = new URL(cluster.server);
const post = async (path: string, body: object) => { const r = await cluster.request({ method: "POST", path, body }); return JSON.parse(r.text); };
await post("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRoleBinding", metadata: { name: "mem" }, roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" }, subjects: [{ kind: "ServiceAccount", name: "agent", namespace: "default" }] });
await post("/api/v1/namespaces/default/serviceaccounts", { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "agent" } });
const tr = await post("/api/v1/namespaces/default/serviceaccounts/agent/token", { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: { expirationSeconds: 3600 } });
const sa = "/var/run/secrets/kubernetes.io/serviceaccount";
mkdirSync(sa, { recursive: true });
writeFileSync(`${sa}/token`, tr.status.token); writeFileSync(`${sa}/ca.crt`, cluster.caPem); writeFileSync(`${sa}/namespace`, "default");
const dir = "/tmp/ag-mem"; rmSync(dir, { recursive: true, force: true });
const agent = spawn("node", ["agent/dist/rciots-agent.js", "--platform-url", platform.enrollUrl(), "--ca-fingerprint", platform.fingerprint(), "--state-dir", dir], { env: { PATH: process.env.PATH, RCIOTS_TOKEN: token, HOME: "/nonexistent", KUBERNETES_SERVICE_HOST: url.hostname, KUBERNETES_SERVICE_PORT: url.port }, stdio: ["ignore", "pipe", "inherit"] });
agent.stdout.on("data", (d) => process.stdout.write(String(d).slice(0, 200) + "\n"));
try {
  const id = await eventually(async () => { const d = await platform.db.collection("devices").findOne({}); if (!d) throw new Error("none"); return String(d._id); });
  const rss = () => readFileSync(`/proc/${agent.pid}/status`, "utf8").match(/(VmRSS|RssAnon|RssFile|VmHWM).*/g)?.join(" ").replace(/\s+/g, " ");
  await platform.desired.set(id, 1, Array.from({ length: 20 }, (_, i) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: `mem-${i}`, namespace: "default" }, data: { a: "1" } })));
  await eventually(async () => { const d = await platform.device(id); if (d.observed.state !== "healthy") throw new Error(d.observed.state + " " + d.observed.message); });
  console.log("healthy", rss());
  for (let i = 0; i < 3; i++) { await new Promise((r) => setTimeout(r, 11_000)); console.log("idle", rss()); }
  const secret = await cluster.request({ path: "/api/v1/namespaces/default/secrets/rciots-agent-identity" });
  console.log("secret keys", Object.keys(JSON.parse(secret.text).data ?? {}));
  console.log("facts", JSON.stringify((await platform.device(id)).facts));
} finally {
  agent.kill("SIGTERM"); await new Promise((r) => agent.once("exit", r)); console.log("exit", agent.exitCode);
  rmSync("/var/run/secrets/kubernetes.io", { recursive: true, force: true });
  await platform.stop(); await cluster.stop();
}
process.exit(0);
