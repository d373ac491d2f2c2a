import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { binaryNames, cacheDir, clusterAvailability, locateBinaries } from "./binaries.ts";
import { ensureBinaries } from "./build.ts";
import { startCluster, type TestCluster } from "./cluster.ts";

async function eventually<T>(probe: () => Promise<T> | T, timeoutMs = 15_000): Promise<T> {
  const deadlineMs = Date.now() + timeoutMs;
  for (;;) {
    try {
      return await probe();
    } catch (error) {
      if (Date.now() > deadlineMs) throw error;
      await sleep(50);
    }
  }
}

describe("when binaries are looked for", () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "rciots-binaries-"));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  it("takes from kubebuilder's assets what they have and the rest from the cache", async () => {
    await writeFile(join(dir, "etcd"), "#!/bin/sh\n", { mode: 0o755 });
    const env = { KUBEBUILDER_ASSETS: dir, RCIOTS_CACHE_DIR: join(dir, "cache") };
    const located = locateBinaries(env);
    assert.equal(located.etcd, join(dir, "etcd"));
    assert.equal(located["kube-apiserver"], join(cacheDir(env), "kube-apiserver"));
  });

  it("says that Go is missing and what to do about it", async () => {
    const availability = await clusterAvailability({ RCIOTS_CACHE_DIR: dir, PATH: dir });
    assert.ok(!availability.available);
    assert.match(availability.reason, /Go is not installed/);
    assert.match(availability.remedy, /install Go 1\.\d+/);
  });

  it("says that Go is too old in Go's own words", async () => {
    const script =
      "#!/bin/sh\necho 'go: go.mod requires go >= 1.26.0 (running go 1.20; GOTOOLCHAIN=local)' >&2\nexit 1\n";
    await writeFile(join(dir, "go"), script, { mode: 0o755 });
    const availability = await clusterAvailability({ RCIOTS_CACHE_DIR: dir, PATH: `${dir}:/bin:/usr/bin` });
    assert.ok(!availability.available);
    assert.match(availability.reason, /running go 1\.20/);
  });
});

describe("when missing binaries are built", () => {
  let dir: string;
  let env: NodeJS.ProcessEnv;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "rciots-build-"));
    env = { RCIOTS_CACHE_DIR: join(dir, "cache"), PATH: `${dir}:/bin:/usr/bin`, CALLS: join(dir, "calls") };
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  /** A stand-in for Go that writes a program where it is told to, or fails for one package. */
  const fakeGo = (failFor = "nothing") =>
    writeFile(
      join(dir, "go"),
      `#!/bin/sh
if [ "$1" = env ]; then echo go1.26.0; exit 0; fi
echo build >> "$CALLS"
while [ $# -gt 1 ]; do [ "$1" = -o ] && out="$2"; shift; done
case "$1" in *${failFor}*) echo "no such package" >&2; echo half > "$out"; exit 1;; esac
printf '#!/bin/sh\\n' > "$out"; chmod 755 "$out"
`,
      { mode: 0o755 },
    );

  it("builds each once though two ask at the same time", async () => {
    await fakeGo();
    const lines: string[] = [];
    await Promise.all([ensureBinaries({ env, log: (line) => lines.push(line) }), ensureBinaries({ env })]);
    const { readFile } = await import("node:fs/promises");
    const calls = (await readFile(join(dir, "calls"), "utf8")).trim().split("\n");
    assert.equal(calls.length, binaryNames.length);
    assert.ok((await clusterAvailability(env)).available);
  });

  it("leaves nothing under a binary's name when its build fails", async () => {
    await fakeGo("kube-apiserver");
    await assert.rejects(ensureBinaries({ env }), /no such package/);
    assert.ok(!existsSync(join(cacheDir(env), "kube-apiserver")));
    assert.ok(existsSync(join(cacheDir(env), "etcd")));
    assert.ok(!existsSync(join(cacheDir(env), ".lock")));
  });

  it("replaces the lock of a builder that died", async () => {
    await fakeGo();
    const { mkdir } = await import("node:fs/promises");
    await mkdir(cacheDir(env), { recursive: true });
    await writeFile(join(cacheDir(env), ".lock"), "999999999");
    await ensureBinaries({ env });
    assert.ok((await clusterAvailability(env)).available);
  });
});

describe("when a test cluster is started", function () {
  this.timeout(120_000);
  let cluster: TestCluster;
  before(async function () {
    const availability = await clusterAvailability();
    if (!availability.available) {
      console.log(`      skipped: ${availability.reason}; ${availability.remedy}`);
      return this.skip();
    }
    cluster = await startCluster();
  });
  after(() => cluster?.stop());

  it("serves the pinned version with server-side apply", async () => {
    const version = JSON.parse(await cluster.kubectl(["version", "-o", "json"])) as {
      serverVersion: { gitVersion: string };
    };
    assert.equal(version.serverVersion.gitVersion, "v1.36.3");
    const map = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "first" }, data: { a: "1" } };
    await cluster.kubectl(["apply", "--server-side", "-f", "-"], JSON.stringify(map));
    assert.equal(await cluster.kubectl(["get", "configmap", "first", "-o", "jsonpath={.data.a}"]), "1");
  });

  it("gives a service account just the rights it is bound to", async () => {
    const kubeconfig = await cluster.createServiceAccountKubeconfig({ namespace: "tenant", name: "plain" });
    const whoami = await cluster.kubectl(["--kubeconfig", kubeconfig, "auth", "whoami"]);
    assert.match(whoami, /system:serviceaccount:tenant:plain/);
    await assert.rejects(cluster.kubectl(["--kubeconfig", kubeconfig, "get", "secrets", "-A"]), /forbidden/);
  });

  it("runs the controllers: a Deployment gets its Pods and a deleted namespace goes", async () => {
    await cluster.kubectl(["create", "namespace", "short-lived"]);
    await cluster.kubectl([
      "-n",
      "short-lived",
      "create",
      "deployment",
      "web",
      "--image=example.invalid/web",
    ]);
    await eventually(async () => {
      assert.match(await cluster.kubectl(["-n", "short-lived", "get", "pods"]), /web-/);
    });
    await cluster.kubectl(["delete", "namespace", "short-lived", "--wait=false"]);
    await eventually(async () => {
      assert.equal((await cluster.request({ path: "/api/v1/namespaces/short-lived" })).status, 404);
    });
  });

  for (const component of ["apiserver", "controller-manager", "etcd"] as const) {
    it(`keeps what was written over kill -9 and restart of ${component}`, async () => {
      await cluster.kubectl(["create", "configmap", `before-${component}`]);
      await cluster.kill(component);
      if (component === "apiserver") await assert.rejects(cluster.request({ path: "/readyz" }));
      await cluster.restart(component);
      await eventually(() => cluster.kubectl(["get", "configmap", `before-${component}`]));
    });
  }
});

describe("when the process that started a cluster is killed", function () {
  this.timeout(60_000);
  it("takes the control plane and its folder with it", async function () {
    if (!(await clusterAvailability()).available) return this.skip();
    const module = fileURLToPath(new URL("./cluster.ts", import.meta.url));
    const source = `import { startCluster } from ${JSON.stringify(module)};
      const cluster = await startCluster(); console.log(cluster.dir + " " + cluster.server); setTimeout(() => {}, 60_000);`;
    const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", source], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [dir = "", server = ""] = await new Promise<string[]>((resolve) =>
      child.stdout.once("data", (chunk: Buffer) => resolve(chunk.toString().trim().split(" "))),
    );
    assert.ok(existsSync(dir));
    child.kill("SIGKILL");
    await eventually(() => assert.ok(!existsSync(dir)));
    await assert.rejects(fetch(`${server}/readyz`));
  });
});
