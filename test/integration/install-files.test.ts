import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { parseAllDocuments } from "yaml";
import { createInstallFiles } from "../../services/frontend/src/install/install-files.ts";
import type { InstallChoices } from "../../services/frontend/src/install/kubernetes-manifests.ts";
import type { ManifestObject } from "../../services/frontend/src/install/openshift-template.ts";
import { isExecutable, locateBinaries } from "../cluster/binaries.ts";
import { generateInstallFiles, renderChart, root } from "../cluster/install-files.ts";

const run = promisify(execFile);
const fingerprint = "AB:".repeat(31) + "AB";
const files = (image?: string) =>
  createInstallFiles({
    folder: root,
    platformUrl: "https://enroll.example.com:8443",
    caFingerprint: () => fingerprint,
    image,
  });

/** By kind, namespace and name; order and empty fields make no difference to a cluster. */
function keyed(objects: readonly ManifestObject[]): Record<string, ManifestObject> {
  const keyOf = ({ kind, metadata }: ManifestObject) =>
    `${kind} ${metadata.namespace ?? ""}/${metadata.name}`;
  return Object.fromEntries(objects.map((object) => [keyOf(object), object]));
}

describe("when the agent's manifests are made from its chart", function () {
  this.timeout(60_000);
  const { helm } = locateBinaries();
  let folder: string;
  before(function () {
    if (!isExecutable(helm)) {
      console.log("      SKIPPED: Helm is not built: run `npx tsx test/cluster/ensure.ts` once");
      return this.skip();
    }
    folder = mkdtempSync(join(tmpdir(), "rciots-install-"));
  });
  after(() => {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });

  const served = (choices: Partial<InstallChoices>, image?: string): ManifestObject[] => {
    const complete = { namespaces: [], access: "namespaces", deviceName: "", ...choices } as const;
    const text = files(image).kubernetesManifests(complete).content.toString();
    return parseAllDocuments(text, { version: "1.1" }).map((document) => document.toJS() as ManifestObject);
  };

  it("has them in the repository as the chart renders them now", async () => {
    for (const [path, text] of await generateInstallFiles(helm))
      assert.equal(
        readFileSync(join(root, path), "utf8"),
        text,
        `${path}: run test/cluster/install-files.ts`,
      );
  });

  it("serves what the chart would render for the same choices", async () => {
    const image = "registry.example.com/agent@sha256:0123";
    for (const choices of [
      {},
      { namespaces: ["shop", "on", "1e3"], deviceName: "no" },
      { access: "cluster-admin", namespaces: ["shop"] },
    ] as const) {
      const rendered = await renderChart(helm, {
        values: {
          ...choices,
          platformUrl: "https://enroll.example.com:8443",
          caFingerprint: fingerprint,
          image: { reference: image },
        },
      });
      const { "Namespace /rciots-agent": home, ...objects } = keyed(served(choices, image));
      assert.ok(home, "the agent's namespace, which Helm makes by itself");
      assert.deepEqual(objects, keyed(rendered));
    }
  });

  it("serves a chart that lints, needs nothing but a token, and is the same bytes each time", async () => {
    const archive = join(folder, "rciots-agent.tgz");
    const { content } = files("registry.example.com/agent:1").chart();
    assert.deepEqual(files("registry.example.com/agent:1").chart().content, content);
    writeFileSync(archive, content);
    const { stdout } = await run("tar", ["-tzf", archive]);
    assert.match(stdout, /^rciots-agent\/Chart\.yaml\n[^]*rciots-agent\/templates\/deployment\.yaml/m);
    await run(helm, ["lint", "--strict", archive]);
    const rendered = await renderChart(helm, { chart: archive, values: { token: "rcp_0123" } });
    const { "Namespace /rciots-agent": _home, ...objects } = keyed(
      served({}, "registry.example.com/agent:1"),
    );
    const { "Secret rciots-agent/rciots-agent-token": secret, ...others } = keyed(rendered);
    assert.deepEqual(secret?.["stringData"], { token: "rcp_0123" });
    assert.deepEqual(others, objects);
  });

  it("has the agent ask for tunnels, and allow what they lead to", async () => {
    const values = {
      platformUrl: "https://enroll.example.com",
      tunnels: ["2222:10.0.0.7:22", "[::1]:8080:[fd00::7]:80"],
      tunnelAllow: ["10.0.0.7:22", "[fd00::7]:80"],
    };
    const objects = keyed(await renderChart(helm, { values }));
    const env = JSON.stringify(objects["Deployment rciots-agent/rciots-agent"]);
    for (const [name, entries] of [
      ["RCIOTS_TUNNEL", values.tunnels],
      ["RCIOTS_TUNNEL_ALLOW", values.tunnelAllow],
    ] as const)
      assert.ok(env.includes(JSON.stringify({ name, value: entries.join(",") })), env);
  });

  it("refuses values that can't be meant", async () => {
    const platformUrl = "https://enroll.example.com";
    for (const [values, fault] of [
      [{}, /platformUrl is missing/],
      [{ platformUrl: "http://enroll.example.com" }, /platformUrl/],
      [{ platformUrl, acces: "cluster-admin" }, /acces/],
      [{ platformUrl, access: "admin" }, /access/],
      [{ platformUrl, namespaces: ["Shop"] }, /namespaces/],
      [{ platformUrl, namespaces: ["rciots-agent"] }, /holds the agent and its identity/],
      [{ platformUrl, caFingerprint: "AB:CD" }, /caFingerprint/],
      [{ platformUrl, tunnels: ["2222:22,80"] }, /tunnels/],
      [{ platformUrl, tunnelAllow: [] }, /tunnelAllow/],
    ] as const)
      await assert.rejects(renderChart(helm, { values }), fault, JSON.stringify(values));
  });

  it("is a base for kustomize, as the documentation says", async () => {
    const { kustomize } = locateBinaries();
    const page = readFileSync(join(root, "docs/install-agent.md"), "utf8");
    const overlay = /```yaml\n(resources:[^]*?)```/.exec(page)?.[1] ?? "";
    mkdirSync(join(folder, "overlay"));
    mkdirSync(join(folder, "rciots"));
    symlinkSync(join(root, "agent"), join(folder, "rciots/agent"));
    writeFileSync(join(folder, "overlay/kustomization.yaml"), overlay);
    writeFileSync(join(folder, "overlay/token.env"), "token=rcp_0123\n");
    const { stdout } = await run(kustomize, ["build", join(folder, "overlay")]);
    const objects = keyed(parseAllDocuments(stdout).map((document) => document.toJS() as ManifestObject));
    const env = JSON.stringify(objects["Deployment rciots-agent/rciots-agent"]);
    assert.match(env, /"RCIOTS_PLATFORM_URL","value":"https:\/\/platform\.example\.com:8443"/);
    assert.match(env, /"RCIOTS_CA_FINGERPRINT","value":"AB:/);
    assert.deepEqual(objects["Secret rciots-agent/rciots-agent-token"]?.["data"], {
      token: Buffer.from("rcp_0123").toString("base64"),
    });
  });

  it("has the version of the agent", () => {
    const { version } = JSON.parse(readFileSync(join(root, "agent/package.json"), "utf8")) as {
      version: string;
    };
    assert.equal(files().chartVersion, version);
    assert.match(files().openshiftTemplate().content.toString(), new RegExp(`rciots-agent:${version}\\n`));
  });
});
