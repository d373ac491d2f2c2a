import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { stringify } from "yaml";
import { useCluster } from "../cluster/fixture.ts";
import type { TestCluster } from "../cluster/cluster.ts";
import { eventually } from "../harness/eventually.ts";
import { installForeignKinds } from "../harness/foreign-kinds.ts";
import {
  chartExamples,
  findObject,
  renderPlatform,
  runHelm,
  type ChartObject,
} from "../harness/platform-chart.ts";
import { startPlatformProcess } from "../harness/platform-process.ts";
import { isolationFault } from "../harness/isolated-process.ts";
import { startPod, type Pod } from "../harness/pod-process.ts";

const run = promisify(execFile);
const bundler = fileURLToPath(new URL("../../scripts/lib/bundle-program.mjs", import.meta.url));
const root = fileURLToPath(new URL("../..", import.meta.url));
const services = join(root, "dist");
const hosts = { console: "console.example.com", enroll: "enroll.example.com", edge: "edge.example.com" };
const external = {
  hosts,
  mongodb: { existingSecret: { name: "mongodb" } },
  redis: { existingSecret: { name: "redis" } },
};

describe("when the platform is installed with its chart", function () {
  this.timeout(240_000);
  const theCluster = useCluster();
  let cluster: TestCluster;
  let helm: string;
  /** Stands for /opt/rciots of the images, as far as their jobs go. */
  let imageFolder: string;

  before(async () => {
    cluster = theCluster();
    helm = cluster.binaries.helm;
    await installForeignKinds(cluster);
    imageFolder = mkdtempSync(join(tmpdir(), "rciots-image-"));
    await run("chmod", ["755", imageFolder]);
    const outfile = join(imageFolder, "jobs/main.js");
    await run(process.execPath, [bundler, "services/jobs/src/main.ts", outfile]);
  });
  after(() => {
    if (imageFolder !== undefined) rmSync(imageFolder, { recursive: true, force: true });
  });

  const kubeconfig = (): { kubeconfig: string } => ({ kubeconfig: cluster.kubeconfigPath });

  async function createNamespace(name: string): Promise<void> {
    await cluster.kubectl(["create", "namespace", name]);
    // As OpenShift does it by itself: whatever is not admitted there is not admitted here.
    await cluster.kubectl(["label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted"]);
  }

  async function list(kind: string, namespace: string): Promise<ChartObject[]> {
    const text = await cluster.kubectl(["-n", namespace, "get", kind, "-o", "json"]);
    return (JSON.parse(text) as { items: ChartObject[] }).items;
  }

  const play = (pod: Pod, env: Record<string, string> = {}) =>
    startPod(cluster, pod, {
      entrypoint: ["node"],
      nodeName: "node-1",
      podIp: "127.0.0.1",
      image: { "/opt/rciots": imageFolder },
      env,
    });

  describe("every example", () => {
    for (const example of chartExamples) {
      const namespace = `example-${example}`;

      it(`${example} is without a fault by Helm's and the API server's own rules`, async () => {
        await runHelm(helm, "lint", { examples: [example], flags: ["--strict"] });
        await createNamespace(namespace);
        const objects = await renderPlatform(helm, { examples: [example], namespace });
        const args = ["-n", namespace, "apply", "--dry-run=server", "--validate=strict", "-f", "-"];
        const text = await cluster.kubectl(args, objects.map((object) => stringify(object)).join("---\n"));
        assert.equal(text.trim().split("\n").length, objects.length, text);
      });

      it(`${example} gets every Pod it asks for where only restricted ones are admitted`, async () => {
        const { stderr } = await runHelm(helm, "install", {
          examples: [example],
          namespace,
          ...kubeconfig(),
        });
        assert.equal(/warn|violat/i.test(stderr), false, stderr);
        const wanted = [
          ...(await list("deployments", namespace)),
          ...(await list("statefulsets", namespace)),
          ...(await list("jobs", namespace)),
        ];
        await eventually(
          async () => {
            const pods = await list("pods", namespace);
            const count = (component: string | undefined) =>
              pods.filter(({ metadata }) => metadata.labels?.["app.kubernetes.io/component"] === component)
                .length;
            for (const { kind, metadata, spec } of wanted) {
              const expected = kind === "Job" ? 1 : (spec.replicas as number);
              const component = metadata.labels?.["app.kubernetes.io/component"];
              assert.equal(count(component), expected, `${kind} ${metadata.name}`);
            }
          },
          { timeoutMs: 30_000 },
        );
      });
    }
  });

  describe("and its parts are looked at", () => {
    it("every variable is one that the service takes", async () => {
      const objects = await renderPlatform(helm, { examples: ["production-external"] });
      for (const component of ["enroll", "connector", "frontend"]) {
        const { stdout } = await run(process.execPath, [join(services, component, "main.js"), "--help"]);
        const [container] = findObject(objects, "Deployment", `rciots-${component}`)["spec"].template.spec
          .containers;
        for (const { name } of container.env) assert.match(stdout, new RegExp(`\\b${name}\\b`), component);
      }
    });

    const render = (values: object = {}): Promise<ChartObject[]> =>
      renderPlatform(helm, { values: { ...external, ...values } });

    it("the key of the CA goes to enrolment and to nothing else", async () => {
      const secretsOf = (objects: ChartObject[], component: string): string[] => {
        const { env } = findObject(objects, "Deployment", `rciots-${component}`)["spec"].template.spec
          .containers[0];
        return env.flatMap(({ valueFrom }: any) => valueFrom?.secretKeyRef?.name ?? []);
      };
      assert.equal(secretsOf(await render(), "enroll").includes("rciots-master-key"), false);
      for (const values of [{}, { keys: { ca: { existingSecret: { name: "of-ours", key: "k" } } } }]) {
        const objects = await render(values);
        const name = "keys" in values ? "of-ours" : "rciots-ca-key";
        const readers = objects
          .filter(({ kind }) => ["Deployment", "StatefulSet", "Pod"].includes(kind))
          .filter((object) => JSON.stringify(object).includes(`"${name}"`));
        assert.deepEqual(
          readers.map(({ metadata }) => metadata.name),
          ["rciots-enroll"],
        );
      }
    });

    it("no service has a token of its account, and only the Job that makes keys may read a Secret", async () => {
      const objects = await render();
      for (const { kind, metadata, spec } of objects) {
        const pod = kind === "Pod" ? spec : spec?.template?.spec;
        if (pod?.containers === undefined) continue;
        const mayHave = kind === "Job";
        assert.equal(pod.automountServiceAccountToken, mayHave, `${kind} ${metadata.name}`);
      }
      const roles = objects.filter(({ kind }) => /Role$/.test(kind));
      assert.deepEqual(
        roles.map(({ rules }) => rules),
        [
          [
            {
              apiGroups: [""],
              resources: ["secrets"],
              resourceNames: ["rciots-admin", "rciots-ca-key", "rciots-master-key"],
              verbs: ["get", "update"],
            },
          ],
        ],
      );
    });

    it("nothing is let in or out but what a policy names", async () => {
      const objects = await render({ tunnels: { ports: "20000-20009" } });
      const policies = objects.filter(({ kind }) => kind === "NetworkPolicy");
      const deny = findObject(policies, "NetworkPolicy", "rciots-default-deny");
      assert.deepEqual(deny["spec"].policyTypes, ["Ingress", "Egress"]);
      assert.equal(deny["spec"].ingress ?? deny["spec"].egress, undefined);
      for (const { kind, metadata, spec } of objects) {
        const labels = kind === "Pod" ? metadata.labels : spec?.template?.metadata?.labels;
        if (labels === undefined) continue;
        for (const [key, value] of Object.entries(deny["spec"].podSelector.matchLabels))
          assert.equal(labels[key], value, `${kind} ${metadata.name} is under the policy that denies`);
      }
      const connector = findObject(policies, "NetworkPolicy", "rciots-connector")["spec"];
      const relay = connector.ingress.find(({ ports }: any) => ports[0].port === "relay");
      assert.deepEqual(
        relay.from.map(({ podSelector }: any) => podSelector.matchLabels["app.kubernetes.io/component"]),
        ["connector", "frontend"],
      );
      const out = findObject(policies, "NetworkPolicy", "rciots-relay")["spec"];
      assert.ok(out.podSelector.matchExpressions[0].values.includes("connector"), "and connectors may ask");
      const [tunnels] = connector.ingress.filter(({ ports }: any) => ports[0].endPort !== undefined);
      assert.deepEqual(tunnels.ports, [{ port: 20_000, endPort: 20_009 }]);
      const internal = policies.filter((policy) => JSON.stringify(policy).includes('"internal"'));
      assert.deepEqual(internal, [], "nobody reaches the internal ports unless values say so");
    });

    it("a change of what a Pod reads from its environment restarts it, and nothing else does", async () => {
      const checksum = async (component: string, values: object): Promise<string> => {
        const objects = await render(values);
        const deployment = findObject(objects, "Deployment", `rciots-${component}`);
        return deployment["spec"].template.metadata.annotations["checksum/config"] as string;
      };
      const [before, after] = [{ signUp: "closed" }, { signUp: "open" }];
      assert.notEqual(await checksum("frontend", before), await checksum("frontend", after));
      assert.equal(await checksum("connector", before), await checksum("connector", after));
    });

    it("a certificate of one's own is shown by both endpoints, and `helm test` goes by its name", async () => {
      const objects = await render({ deviceTlsSecret: "of-ours", expose: { type: "route" } });
      for (const component of ["enroll", "connector"]) {
        const { spec } = findObject(objects, "Deployment", `rciots-${component}`)["spec"].template;
        const [container] = spec.containers;
        const file = container.env.find(({ name }: any) => name === "RCIOTS_TLS_CERT_FILE").value as string;
        const mount = container.volumeMounts.find(({ mountPath }: any) => file.startsWith(`${mountPath}/`));
        const volume = spec.volumes.find(({ name }: any) => name === mount.name);
        assert.equal(volume.secret.secretName, "of-ours", component);
      }
      const [check] = findObject(objects, "Pod", "rciots-test")["spec"].containers;
      assert.ok(check.env.some(({ value }: any) => value === `https://${hosts.enroll}`));
      assert.ok(
        check.env.some(({ name, value }: any) => name === "RCIOTS_CHECK_TRUST" && value === "system"),
      );
    });

    it("the router may read the one Secret with the console's certificate", async () => {
      const objects = await render({ expose: { type: "route", consoleTlsSecret: "console" } });
      const { rules } = findObject(objects, "Role", "rciots-router");
      assert.deepEqual(rules[0].resourceNames, ["console"]);
      const { spec } = findObject(objects, "Route", "rciots-console");
      assert.deepEqual(spec.tls.externalCertificate, { name: "console" });
    });

    it("the ports of tunnels have a Service of their own, with a line for each", async () => {
      const objects = await render({
        connector: { replicas: 3 },
        tunnels: { ports: "20000-20002", service: { type: "LoadBalancer" } },
      });
      const { spec } = findObject(objects, "Service", "rciots-tunnels");
      assert.deepEqual(
        spec.ports.map(({ port }: any) => port),
        [20_000, 20_001, 20_002],
      );
      assert.equal(spec.selector["app.kubernetes.io/component"], "connector");
      // Without it connectors would see addresses of nodes, and no tunnel's own list would let anybody in.
      assert.equal(spec.externalTrafficPolicy, "Local");
      assert.equal(findObject(objects, "Deployment", "rciots-connector")["spec"].replicas, 3);
    });

    it("the commands of the README and of the operations page are ones that Helm takes", async () => {
      for (const page of ["README.md", "docs/operations.md"]) {
        const text = readFileSync(join(root, page), "utf8").replaceAll("\\\n", " ");
        const [command] = /helm install rciots .*/.exec(text) ?? [];
        assert.ok(command, page);
        const rendering = command.replace("helm install", `${helm} template --kube-version=1.36.0`);
        const { stdout } = await run("sh", ["-ec", rendering], { cwd: root, maxBuffer: 16 * 1024 * 1024 });
        assert.match(stdout, /kind: StatefulSet/, page);
      }
    });

    it("values that can't be meant are refused in words", async () => {
      for (const [values, fault] of [
        [{ ...external, hosts: {} }, /hosts\.console is missing: the host name of the console/],
        [{ hosts }, /There is no database: name Secrets in .*builtIn\.enabled=true/],
        [{ ...external, builtIn: { enabled: true } }, /builtIn\.enabled brings a MongoDB and a Redis/],
        [{ ...external, hosts: { ...hosts, edge: hosts.enroll } }, /need a host name each/],
        [{ ...external, host: {} }, /Additional property host is not allowed|'host' not allowed/],
        [{ ...external, connector: { replica: 2 } }, /replica/],
        [{ ...external, connector: { replicas: 0 } }, /replicas/],
        [{ ...external, connector: { drainSeconds: -1 } }, /drainSeconds/],
        [{ ...external, expose: { type: "routes" } }, /expose.type/],
        [{ ...external, expose: { type: "gateway" } }, /needs expose\.gateway\.name/],
        [{ ...external, tunnels: { ports: "all" } }, /tunnels.ports/],
        [{ ...external, tunnels: { ports: "20000-21000" } }, /name at most 200/],
        [{ ...external, certificateLifetime: "90 days" }, /certificateLifetime/],
        [{ ...external, mail: { existingSecret: { name: "smtp" } } }, /mail\.from is missing/],
        [{ ...external, networkPolicy: { consoleFrom: ["10.0.0.0/8"] } }, /consoleFrom/],
        [{ ...external, publicPort: 70_000 }, /publicPort/],
      ] as const)
        await assert.rejects(
          renderPlatform(helm, { values }),
          (error: Error) => fault.test(error.message.replaceAll("/", ".")),
          `${JSON.stringify(values)}: ${String(fault)}`,
        );
    });
  });

  describe("and it makes its keys by itself", () => {
    const namespace = "keys";
    const release = { namespace, examples: ["trying"] };

    before(async function () {
      const fault = isolationFault();
      if (fault !== undefined) {
        console.log(`      SKIPPED: ${fault}`);
        return this.skip();
      }
      await createNamespace(namespace);
    });

    const secrets = async (): Promise<Record<string, Record<string, string>>> => {
      const found = await list("secrets", namespace);
      const ours = found.filter(({ type }) => type === "Opaque");
      return Object.fromEntries(ours.map(({ metadata, data }) => [metadata.name, data ?? {}]));
    };
    const text = (value: string | undefined): string => Buffer.from(value ?? "", "base64").toString();

    /** Runs the Pods of the Job as a kubelet would, to their end. */
    async function runKeysJob(): Promise<string> {
      const pod = await eventually(async () => {
        const pods = await list("pods", namespace);
        const waiting = pods.find(
          ({ metadata, status }) =>
            metadata.labels?.["app.kubernetes.io/component"] === "keys" && status.phase === "Pending",
        );
        assert.ok(waiting, "there is a Pod of the Job");
        return waiting as unknown as Pod;
      });
      const playing = await play(pod);
      const code = await playing.process.exited;
      await playing.remove();
      const now = new Date().toISOString();
      const state = { terminated: { exitCode: code, finishedAt: now, startedAt: now, reason: "Completed" } };
      await cluster.request({
        method: "PATCH",
        path: `/api/v1/namespaces/${namespace}/pods/${pod.metadata.name}/status`,
        contentType: "application/merge-patch+json",
        body: {
          status: {
            phase: code === 0 ? "Succeeded" : "Failed",
            containerStatuses: [
              { name: "keys", image: "", imageID: "", ready: false, restartCount: 0, state },
            ],
          },
        },
      });
      assert.equal(code, 0, playing.process.output());
      return playing.process.output();
    }

    it("in the cluster alone, with a URL for each database, and no more than once", async () => {
      const { stdout } = await runHelm(helm, "install", { ...release, ...kubeconfig() });
      assert.match(stdout, /Keep a copy of the keys outside this cluster/);
      assert.deepEqual((await secrets())["rciots-ca-key"], {});
      assert.match(await runKeysJob(), /made key of rciots-ca-key/);
      const made = await secrets();
      for (const name of ["rciots-ca-key", "rciots-master-key"])
        assert.equal(Buffer.from(text(made[name]?.["key"]), "base64").length, 32, name);
      assert.notEqual(made["rciots-ca-key"]?.["key"], made["rciots-master-key"]?.["key"]);
      assert.match(text(made["rciots-admin"]?.["password"]), /^[\w-]{32}$/);
      const { password, uri } = made["rciots-mongodb"] ?? {};
      assert.equal(
        text(uri),
        `mongodb://rciots:${text(password)}@rciots-mongodb:27017/rciots?authSource=admin`,
      );
      await eventually(async () => {
        const [job] = await list("jobs", namespace);
        assert.equal(job?.["status"].succeeded, 1, "the Job has ended");
      });
      const record = await cluster.kubectl([
        "-n",
        namespace,
        "get",
        "secret",
        "-l",
        "owner=helm",
        "-o",
        "json",
      ]);
      assert.equal(record.includes(made["rciots-ca-key"]?.["key"] ?? "?"), false);
    });

    it("and keeps them through upgrade, rollback, plain manifests, uninstall and installation anew", async () => {
      const before = await secrets();
      const helmRun = (...args: string[]) =>
        run(helm, [...args, "--namespace", namespace], {
          env: { ...process.env, KUBECONFIG: cluster.kubeconfigPath },
        });
      const isUnchanged = async (after: string): Promise<void> =>
        assert.deepEqual(await secrets(), before, `after ${after}`);

      await runHelm(helm, "upgrade", { ...release, ...kubeconfig(), values: { image: { tag: "0.1.1" } } });
      await isUnchanged("an upgrade");
      assert.match(await runKeysJob(), /rciots-ca-key is complete/);
      await isUnchanged("the Job of another version");
      await helmRun("rollback", "rciots", "1");
      await isUnchanged("a rollback");
      const { stdout } = await runHelm(helm, "template", { ...release, flags: ["--no-hooks"] });
      await cluster.kubectl(
        ["-n", namespace, "apply", "--server-side", "--force-conflicts", "-f", "-"],
        stdout,
      );
      await cluster.kubectl(["-n", namespace, "apply", "-f", "-"], stdout);
      await isUnchanged("plain manifests");
      await helmRun("uninstall", "rciots", "--wait");
      await isUnchanged("uninstalling");
      assert.deepEqual(await list("deployments", namespace), []);
      await runHelm(helm, "install", { ...release, ...kubeconfig() });
      await isUnchanged("installing anew");
      assert.match(await runKeysJob(), /rciots-master-key is complete/);
      await isUnchanged("the Job of the new installation");
    });

    it("by an account that may do nothing else", async () => {
      const account = `system:serviceaccount:${namespace}:rciots-keys`;
      const may = (...what: string[]) =>
        cluster
          .kubectl(["auth", "can-i", ...what, "--as", account, "-n", namespace])
          .then((answer) => answer.trim())
          .catch((error: { stdout: string }) => error.stdout.trim());
      assert.equal(await may("update", "secret/rciots-ca-key"), "yes");
      for (const what of [
        ["get", "secret/another"],
        ["create", "secrets"],
        ["list", "secrets"],
        ["delete", "secret/rciots-ca-key"],
        ["create", "pods"],
      ])
        assert.equal(await may(...what), "no", what.join(" "));
    });
  });

  it("`helm test` enrols a device against a running platform, and leaves nothing behind", async function () {
    const fault = isolationFault();
    if (fault !== undefined) {
      console.log(`      SKIPPED: ${fault}`);
      return this.skip();
    }
    const namespace = "check";
    await createNamespace(namespace);
    const platform = await startPlatformProcess();
    try {
      const objects = await renderPlatform(helm, { namespace, values: external });
      const pod = findObject(objects, "Pod", "rciots-test");
      await cluster.kubectl(["-n", namespace, "apply", "--validate=strict", "-f", "-"], stringify(pod));
      const withPassword = async (password: string) => {
        const secret = ["create", "secret", "generic", "rciots-admin", `--from-literal=password=${password}`];
        const manifest = await cluster.kubectl([
          "-n",
          namespace,
          ...secret,
          "--dry-run=client",
          "-o",
          "yaml",
        ]);
        await cluster.kubectl(["-n", namespace, "apply", "-f", "-"], manifest);
        const playing = await play(pod as unknown as Pod, {
          RCIOTS_CHECK_API: platform.consoleUrl,
          RCIOTS_CHECK_ENROLL: platform.enrollUrl,
        });
        const code = await playing.process.exited;
        await playing.remove();
        return { code, output: playing.process.output() };
      };
      const api = await platform.api();
      const good = await withPassword("correct horse battery staple");
      assert.equal(good.code, 0, good.output);
      assert.match(good.output, /its certificate is in order[^]*removed again/);
      assert.deepEqual((await api.get("/devices")).items, []);
      assert.deepEqual((await api.get("/provisioning-tokens")).items, []);
      const { items } = await api.get("/events?limit=100");
      assert.ok(
        items.some(({ kind }: any) => kind === "device.enrolled"),
        "it was a real enrolment",
      );

      const bad = await withPassword("another password than that");
      assert.equal(bad.code, 1);
      assert.match(bad.output, /POST \/login was refused \(401\)/);
      assert.equal(bad.output.includes("another password"), false);
    } finally {
      await platform.stop();
    }
  });
});
