import assert from "node:assert/strict";
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { connect as connectTls } from "node:tls";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { clusterAvailability, startCluster, type TestCluster } from "../cluster/cluster.ts";
import { renderChart } from "../cluster/install-files.ts";
import { startKubelet, type Kubelet } from "../cluster/kubelet.ts";
import { startAgentProcess, type AgentProcess } from "../harness/agent-process.ts";
import type { ApiClient } from "../harness/api-client.ts";
import { eventually } from "../harness/eventually.ts";
import { createToken, deviceOnline } from "../harness/fleet.ts";
import { startPlatformProcess, freePorts, type PlatformProcess } from "../harness/platform-process.ts";
import { startTlsFront, type TlsFront } from "../harness/tls-front.ts";

const run = promisify(execFile);
const everybody = { viewer: "view", operator: "edit", admin: "edit", owner: "edit" };
const podManifest = (name: string): string =>
  `apiVersion: v1
kind: Pod
metadata: { name: ${name}, labels: { app: ${name} } }
spec: { containers: [{ name: main, image: "registry.example.com/main:1" }] }
`;

describe("kubectl through the platform", function () {
  this.timeout(180_000);
  let cluster: TestCluster;
  let kubelet: Kubelet;
  let platform: PlatformProcess;
  let front: TlsFront;
  let agent: AgentProcess;
  let api: ApiClient;
  let deviceId: string;
  let dir: string;
  let editor: { id: string; token: string };
  let reader: { id: string; token: string };

  const apiToken = async (scope: string): Promise<{ id: string; token: string }> => {
    const name = `kubectl-${scope}-${Math.random().toString(36).slice(2, 8)}`;
    return api.post("/api-tokens", { name, scopes: [scope] });
  };

  function argsOf(token: string, args: readonly string[], id = deviceId): string[] {
    const server = `${front.url}/api/v1/devices/${id}/cluster`;
    const how = [`--server=${server}`, `--certificate-authority=${front.caFile}`, `--token=${token}`];
    return [...how, `--cache-dir=${join(dir, "cache")}`, "--kubeconfig=/dev/null", ...args];
  }

  async function kubectl(token: string, args: readonly string[], stdin?: string): Promise<string> {
    const running = run(cluster.binaries.kubectl, argsOf(token, args), { timeout: 60_000 });
    running.child.stdin?.end(stdin ?? "");
    return (await running).stdout;
  }

  async function failure(promise: Promise<unknown>): Promise<string> {
    try {
      await promise;
    } catch (error) {
      return String((error as { stderr?: string }).stderr ?? error);
    }
    throw new Error("it succeeded");
  }

  function start(token: string, args: readonly string[]): { child: ChildProcess; output: () => string } {
    const child = spawn(cluster.binaries.kubectl, argsOf(token, args), { stdio: "pipe" });
    let text = "";
    child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (text += chunk.toString()));
    return { child, output: () => text };
  }

  const events = async (kind: string) =>
    (
      await api.get<{ items: { kind: string; message: string; details: Record<string, unknown> }[] }>(
        `/devices/${deviceId}/events?limit=100`,
      )
    ).items.filter((event) => event.kind === kind);

  /** What a client sends that keeps to no rule. */
  async function raw(lines: string[], token = editor.token): Promise<string> {
    const socket = connectTls({ host: "127.0.0.1", port: front.port, rejectUnauthorized: false });
    const text = [...lines, "Host: platform", `Authorization: Bearer ${token}`, "Connection: close", "", ""];
    socket.write(text.join("\r\n"));
    let answer = "";
    socket.on("data", (chunk: Buffer) => (answer += chunk.toString()));
    socket.on("error", () => undefined);
    await once(socket, "close");
    return answer;
  }

  before(async function () {
    const availability = await clusterAvailability();
    if (!availability.available) {
      console.log(`      SKIPPED: ${availability.reason}`);
      return this.skip();
    }
    dir = mkdtempSync(join(tmpdir(), "rciots-kubectl-"));
    cluster = await startCluster();
    kubelet = await startKubelet(cluster);
    // What the chart gives an agent, and nothing more.
    const rendered = await renderChart(cluster.binaries.helm, {
      values: { platformUrl: "https://platform.example.com", clusterApi: "edit", access: "cluster-admin" },
    });
    const account = { namespace: "rciots-agent", name: "rciots-agent" };
    const kubeconfig = await cluster.createServiceAccountKubeconfig(account);
    const rights = rendered.filter(
      ({ kind, metadata }) => /^Cluster/.test(kind) && metadata.name !== "rciots-agent-rciots-agent",
    );
    assert.equal(rights.length, 4);
    await cluster.kubectl(
      ["apply", "-f", "-"],
      rights.map((object) => JSON.stringify(object)).join("\n---\n"),
    );
    platform = await startPlatformProcess();
    front = await startTlsFront(platform.consoleUrl);
    api = await platform.api();
    await api.put("/organization/remote-access", { clusterApi: everybody, terminal: null });
    agent = startAgentProcess({
      platform,
      token: await createToken(api),
      name: "clustered",
      kubeconfig,
      env: { RCIOTS_CLUSTER_API: "edit" },
    });
    deviceId = (await deviceOnline(api, "clustered")).id;
    [editor, reader] = [await apiToken("write"), await apiToken("read")];
    await kubectl(editor.token, ["apply", "-f", "-"], podManifest("main"));
    await kubelet.run("default", "main");
  });
  after(async () => {
    await agent?.stop();
    await front?.stop();
    await platform?.stop();
    await kubelet?.stop();
    await cluster?.stop();
    if (dir !== undefined) rmSync(dir, { recursive: true, force: true });
  });
  afterEach(function () {
    if (this.currentTest?.state !== "failed") return;
    console.log(platform.output().slice(-3_000), agent.process().output().slice(-3_000));
  });

  it("applies, lists, watches and deletes in the name of a role", async () => {
    const watching = start(editor.token, ["get", "configmaps", "--watch", "-o", "name"]);
    const manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: made }\ndata: { a: b }\n";
    assert.match(await kubectl(editor.token, ["apply", "-f", "-"], manifest), /made created/);
    assert.match(await kubectl(editor.token, ["get", "configmaps"]), /made/);
    await eventually(() => assert.match(watching.output(), /configmap\/made/));
    assert.match(await kubectl(editor.token, ["delete", "configmap", "made"]), /deleted/);
    watching.child.kill("SIGKILL");
    const who = JSON.parse(await kubectl(editor.token, ["auth", "whoami", "-o", "json"])) as {
      status: { userInfo: Record<string, unknown> };
    };
    assert.deepEqual(who.status.userInfo, {
      username: "rciots:edit",
      groups: ["rciots:edit", "system:authenticated"],
      extra: { "rciots-account": ["admin"] },
    });
    const [written] = (await events("cluster-api.write")).filter(
      ({ details }) => details["method"] === "DELETE",
    );
    assert.equal(written?.details["path"], "/api/v1/namespaces/default/configmaps/made");
  });

  it("lets the API server refuse what the role may not do", async () => {
    const manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: never }\n";
    assert.match(await kubectl(reader.token, ["get", "pods"]), /main/);
    const refused = await failure(kubectl(reader.token, ["create", "-f", "-"], manifest));
    assert.match(refused, /User "rciots:view" cannot create resource "configmaps"/);
    assert.match(await failure(kubectl(reader.token, ["get", "secrets"])), /cannot list resource "secrets"/);
    assert.match(
      await failure(kubectl(editor.token, ["create", "clusterrole", "x", "--verb=get", "--resource=pods"])),
      /User "rciots:edit" cannot create resource "clusterroles"/,
    );
  });

  it("runs programs in containers, with input, output and exit code, and is on record", async () => {
    const said = await kubectl(
      editor.token,
      ["exec", "-i", "main", "--", "sh", "-c", "cat; echo out; echo err >&2"],
      "in\n",
    );
    assert.equal(said, "in\nout\n");
    const code = run(
      cluster.binaries.kubectl,
      argsOf(editor.token, ["exec", "main", "--", "sh", "-c", "exit 7"]),
    );
    await assert.rejects(code, (error: { code?: number }) => error.code === 7);
    const [entered] = await events("cluster-api.exec");
    assert.equal(entered?.details["program"], "sh");
    assert.equal(JSON.stringify(entered).includes("echo out"), false);
  });

  it("copies files both ways, of more than any window", async () => {
    const [source, back] = [join(dir, "source"), join(dir, "back")];
    const there = join(dir, "there");
    mkdirSync(there);
    writeFileSync(source, Buffer.alloc(3 * 1_048_576, "0123456789abcdef\n"));
    await kubectl(editor.token, ["cp", source, `main:${there}/file`]);
    assert.equal(readFileSync(join(there, "file")).equals(readFileSync(source)), true);
    await kubectl(editor.token, ["cp", `main:${there}/file`, back]);
    assert.equal(readFileSync(back).equals(readFileSync(source)), true);
  });

  it("forwards ports", async () => {
    const target: Server = createServer((_request, response) => response.end("from the pod"));
    target.listen(0, "127.0.0.1");
    await once(target, "listening");
    const [local = 0] = await freePorts(1);
    const remote = (target.address() as AddressInfo).port;
    const forwarding = start(editor.token, ["port-forward", "main", `${local}:${remote}`]);
    try {
      await eventually(() => assert.match(forwarding.output(), /Forwarding from 127/));
      for (let count = 0; count < 3; count++) {
        assert.equal(await (await fetch(`http://127.0.0.1:${local}/`)).text(), "from the pod");
      }
    } finally {
      forwarding.child.kill("SIGKILL");
      target.close();
    }
    assert.equal((await events("cluster-api.portforward")).length > 0, true);
  });

  it("ends a log that is followed within a second or so of the token's end", async () => {
    const leaving = await apiToken("write");
    const where = { namespace: "default", pod: "main", container: "main" };
    await kubelet.log(where, ["first"]);
    const following = start(leaving.token, ["logs", "-f", "main"]);
    await eventually(() => assert.match(following.output(), /first/));
    await kubelet.log(where, ["second"]);
    await eventually(() => assert.match(following.output(), /second/));
    const ended = once(following.child, "exit");
    await api.delete(`/api-tokens/${leaving.id}`);
    await ended;
    await kubelet.log(where, ["third"]);
    assert.equal(following.output().includes("third"), false);
    assert.match(await failure(kubectl(leaving.token, ["get", "pods"])), /logged in|unauthorized/i);
  });

  it("takes nothing of who somebody is from the request", async () => {
    const path = `/api/v1/devices/${deviceId}/cluster/apis/authentication.k8s.io/v1/selfsubjectreviews`;
    const body = JSON.stringify({ apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" });
    const review = async (headers: string[]): Promise<string> => {
      const socket = connectTls({ host: "127.0.0.1", port: front.port, rejectUnauthorized: false });
      const lines = [`POST ${path} HTTP/1.1`, "Host: x", `Authorization: Bearer ${editor.token}`, ...headers];
      const framing = ["Content-Type: application/json", `Content-Length: ${body.length}`, "", body];
      socket.write([...lines, ...framing].join("\r\n"));
      let answer = "";
      socket.on("data", (chunk: Buffer) => (answer += chunk.toString()));
      await once(socket, "close");
      return answer;
    };
    for (const smuggled of [
      ["Impersonate-User: admin", "Impersonate-Group: system:masters"],
      ["Impersonate-Group: system:masters", "Impersonate-Group: rciots:cluster-admin"],
      [
        "Impersonate-Uid: 0",
        "Impersonate-Extra-Scopes: all",
        "X-Remote-User: admin",
        "X-Remote-Group: system:masters",
      ],
      ["Connection: close, Impersonate-User, Impersonate-Group, Authorization"],
    ]) {
      const closing = smuggled.some((line) => line.startsWith("Connection"))
        ? smuggled
        : [...smuggled, "Connection: close"];
      const answer = await review(closing);
      assert.match(answer, /^HTTP\/1\.1 201/, answer);
      assert.match(answer, /"username":"rciots:edit"/);
      assert.equal(/masters|cluster-admin|"uid"|scopes/.test(answer), false, answer);
    }
    const both = await review(["Connection: close", "Transfer-Encoding: chunked"]);
    assert.match(both, /^HTTP\/1\.1 400/);
  });

  it("reaches nothing but the API server's own paths", async () => {
    const base = `/api/v1/devices/${deviceId}/cluster`;
    for (const path of [
      `${base}/../../../me`,
      `${base}/api/%2e%2e/%2e%2e/version`,
      `${base}/api/v1/namespaces/a%2F..%2Fkube-system/secrets`,
      `${base}//evil.example.com/`,
      `${base}/api/v1/a\\..\\b`,
    ])
      assert.match(await raw([`GET ${path} HTTP/1.1`]), /^HTTP\/1\.1 400[\s\S]*"reason":"BadRequest"/, path);
    const absolute = await raw([`GET http://169.254.169.254${base}/version HTTP/1.1`]);
    assert.match(absolute, /^HTTP\/1\.1 400/);
    assert.match(await raw([`CONNECT 169.254.169.254:80 HTTP/1.1`]), /^$|^HTTP\/1\.1 4/);
  });

  it("gives browsers nothing to obey, and takes no cookie", async () => {
    const url = `${platform.consoleUrl}/api/v1/devices/${deviceId}/cluster/version`;
    const answer = await fetch(url, { headers: { authorization: `Bearer ${editor.token}` } });
    assert.match(answer.headers.get("content-security-policy") ?? "", /default-src 'none'/);
    assert.equal(answer.headers.get("x-content-type-options"), "nosniff");
    const cookie = await fetch(url, { headers: { cookie: `rciots_session=${editor.token}` } });
    assert.equal(cookie.status, 401);
    const foreign = await fetch(url.replace(/dev_\w+/, "dev_00000000000000000000000000"), {
      headers: { authorization: `Bearer ${editor.token}` },
    });
    assert.equal(foreign.status, 404);
  });

  it("serves a kubeconfig without a secret that works", async () => {
    const file = join(dir, "kubeconfig.yaml");
    const answer = await fetch(`${platform.consoleUrl}/api/v1/devices/${deviceId}/kubeconfig`, {
      headers: { authorization: `Bearer ${reader.token}` },
    });
    const text = await answer.text();
    assert.equal(text.includes(reader.token), false);
    writeFileSync(file, text.replace(platform.consoleUrl, front.url));
    const { stdout } = await run(
      cluster.binaries.kubectl,
      [`--kubeconfig=${file}`, `--certificate-authority=${front.caFile}`, "get", "pods", "-o", "name"],
      { env: { PATH: process.env["PATH"], RCIOTS_TOKEN: reader.token, HOME: dir } },
    );
    assert.match(stdout, /pod\/main/);
  });

  describe("with what rciots kubeconfig writes", () => {
    const rciots = fileURLToPath(new URL("../../cli/dist/main.js", import.meta.url));
    const env = (more: Record<string, string> = {}) => ({
      PATH: process.env["PATH"],
      HOME: dir,
      XDG_CONFIG_HOME: join(dir, "settings"),
      RCIOTS_URL: front.url,
      RCIOTS_API_TOKEN: reader.token,
      ...more,
    });
    const call = (args: string[]) => run(process.execPath, [rciots, "kubeconfig", ...args], { env: env() });
    const kubectlOf = async (args: string[], more?: Record<string, string>): Promise<string> =>
      (await run(cluster.binaries.kubectl, args, { env: env(more) })).stdout;

    it("reaches the cluster by the device's name, beside what was there before", async () => {
      const file = join(dir, ".kube", "config");
      await kubectlOf(["config", "set-cluster", "prod", "--server=https://prod.example.com"]);
      const { stdout, stderr } = await call([
        "clustered",
        "--ca-file",
        front.caFile,
        "--namespace",
        "default",
      ]);
      assert.deepEqual([stderr, /--context clustered get pods/.test(stdout)], ["", true]);
      const text = readFileSync(file, "utf8");
      assert.equal(text.includes(reader.token), false);
      assert.match(text, /prod\.example\.com/);
      assert.match(await kubectlOf(["--context", "clustered", "get", "pods", "-o", "name"]), /pod\/main/);
      await assert.rejects(kubectlOf(["--context", "clustered", "get", "pods"], { RCIOTS_API_TOKEN: "" }));
      const other = { RCIOTS_URL: "https://other.example.com" };
      const refused = await failure(kubectlOf(["--context", "clustered", "get", "pods"], other));
      assert.match(refused, /rciots login/);
    });

    it("takes the certificate of a fingerprint, and prints where no file is wanted", async () => {
      const { fingerprint256 } = new X509Certificate(readFileSync(front.caFile));
      const { stdout } = await call([
        deviceId,
        "--ca-fingerprint",
        fingerprint256,
        "--print",
        "--context",
        "x",
      ]);
      const file = join(dir, "printed.yaml");
      writeFileSync(file, stdout);
      const shown = await kubectlOf([`--kubeconfig=${file}`, "--context=x", "get", "pods", "-o", "name"]);
      assert.match(shown, /pod\/main/);
    });

    it("says why where kubectl could not", async () => {
      const plain = run(process.execPath, [rciots, "kubeconfig", "clustered"], {
        env: env({ RCIOTS_URL: platform.consoleUrl }),
      });
      assert.match(await failure(plain), /no token over http/);
      assert.match(await failure(call(["nobody", "--ca-file", front.caFile])), /no device called/);
    });
  });

  it("ends what is open, and refuses what comes, once the organisation takes it away", async () => {
    const watching = start(editor.token, ["get", "pods", "--watch", "-o", "name"]);
    await eventually(() => assert.match(watching.output(), /pod\/main/));
    const ended = once(watching.child, "exit");
    await api.put("/organization/remote-access", {
      clusterApi: { ...everybody, operator: "none" },
      terminal: null,
    });
    try {
      const stopped = await Promise.race([
        ended.then(() => true),
        new Promise((resolve) => setTimeout(resolve, 20_000)),
      ]);
      assert.equal(stopped, true);
      assert.match(await failure(kubectl(editor.token, ["get", "pods"])), /doesn't let the role operator/);
    } finally {
      watching.child.kill("SIGKILL");
      await api.put("/organization/remote-access", { clusterApi: everybody, terminal: null });
    }
  });

  it("can be no more than the device allows", async () => {
    await api.put("/organization/remote-access", {
      clusterApi: { ...everybody, operator: "cluster-admin" },
      terminal: null,
    });
    try {
      const refused = await failure(kubectl(editor.token, ["get", "pods"]));
      assert.match(refused, /The device allows at most edit on its cluster/);
    } finally {
      await api.put("/organization/remote-access", { clusterApi: everybody, terminal: null });
    }
  });

  it("says so where the device is away or lets nobody in", async () => {
    const other = startAgentProcess({ platform, token: await createToken(api), name: "closed" });
    try {
      const { id } = await deviceOnline(api, "closed");
      const closed = await failure(run(cluster.binaries.kubectl, argsOf(editor.token, ["get", "pods"], id)));
      assert.match(closed, /lets nobody at its cluster/);
      await other.kill();
      await eventually(async () => {
        const away = await failure(run(cluster.binaries.kubectl, argsOf(editor.token, ["get", "pods"], id)));
        assert.match(away, /not connected/);
      });
    } finally {
      await other.stop();
    }
  });
});
