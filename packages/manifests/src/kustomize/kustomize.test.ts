import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { chmod, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, before, beforeEach, describe, it } from "mocha";
import { findTestKustomize, skipWithoutKustomize } from "../../test/test-kustomize.ts";
import type { ManifestFile } from "../files/manifest-file.ts";
import { faultsOf } from "../manifest-fault.ts";
import type { KustomizeBinary } from "./find-kustomize.ts";
import { createKustomize, renderKey, type Kustomize, type KustomizeOptions } from "./kustomize.ts";

function filesOf(contents: Record<string, string>): ManifestFile[] {
  return Object.entries(contents).map(([path, content]) => ({ path, content }));
}

const configMap = (name: string, data = "{}"): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\ndata: ${data}\n`;

describe("when files are rendered with real kustomize", () => {
  let binary: KustomizeBinary | null;
  let kustomize: Kustomize;
  let tempDir: string;
  before(async () => void (binary = await findTestKustomize()));
  beforeEach(async function () {
    skipWithoutKustomize(this, binary);
    tempDir = await mkdtemp(join(tmpdir(), "rciots-kustomize-test-"));
    kustomize = createKustomize({ binary, tempDir });
  });
  afterEach(async () => {
    if (tempDir === undefined) return;
    const left = await readdir(tempDir);
    await rm(tempDir, { recursive: true, force: true });
    assert.deepEqual(left, [], "a build folder was left behind");
  });

  const render = (contents: Record<string, string>, root?: string): ReturnType<Kustomize["render"]> =>
    kustomize.render(filesOf(contents), root === undefined ? {} : { root });

  it("gives canonical NDJSON with its digest", async () => {
    const result = await render(
      {
        "prod/kustomization.yaml":
          "resources: [../base]\nnamespace: shop\nreplicas: [{name: web, count: 3}]\n",
        "base/kustomization.yaml": "resources: [web.yaml]\n",
        "base/web.yaml":
          "kind: Deployment\napiVersion: apps/v1\nspec: {replicas: 1}\nmetadata: {name: web}\n",
      },
      "prod",
    );
    assert.equal(
      result.ndjson,
      '{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"shop"},"spec":{"replicas":3}}\n',
    );
    assert.equal(result.digest, createHash("sha256").update(result.ndjson).digest("hex"));
    assert.equal(result.objectCount, 1);
    assert.equal(result.documents[0]?.metadata.namespace, "shop");
    assert.deepEqual(result.warnings, []);
  });

  it("keeps numbers, octal modes and texts that look like numbers as Kubernetes would read them", async () => {
    const data =
      '{big: 9007199254740993, mode: 0644, text: "0644", on: "on", nul: "null", exp: "1e3", date: "2020-01-01", dashes: "a\\n---\\nb"}';
    const { ndjson } = await render({
      "kustomization.yaml": "resources: [a.yaml]\n",
      "a.yaml": configMap("a", data),
    });
    assert.ok(ndjson.includes('"big":9007199254740993'), ndjson);
    assert.deepEqual(JSON.parse(ndjson).data, {
      big: 9007199254740992,
      mode: 420,
      text: "0644",
      on: "on",
      nul: "null",
      exp: "1e3",
      date: "2020-01-01",
      dashes: "a\n---\nb",
    });
  });

  it("leaves placeholders whole and expands lists", async () => {
    const list =
      "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: '${device.name}-a'}}\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: b}, data: {x: '${X:=1}', y: '$${Y}'}}\n";
    const { documents } = await render({ "kustomization.yaml": "resources: [l.yaml]\n", "l.yaml": list });
    assert.deepEqual(
      documents.map(({ metadata }) => metadata.name),
      ["${device.name}-a", "b"],
    );
    assert.deepEqual(documents[1]?.["data"], { x: "${X:=1}", y: "$${Y}" });
  });

  it("hands kustomize's warnings on", async () => {
    const { warnings } = await render({
      "kustomization.yaml": "resources: [a.yaml]\ncommonLabels: {a: b}\n",
      "a.yaml": configMap("a"),
    });
    assert.match(warnings[0] ?? "", /'commonLabels' is deprecated/);
  });

  it("builds what was written anew as kustomize builds the original", async () => {
    const { documents } = await render({
      "kustomization.yaml": [
        "resources: [a.yaml]",
        "commonAnnotations: {who: 'é 😀 \"x\"'}",
        "transformers:",
        "- |-",
        "  apiVersion: builtin",
        "  kind: PrefixTransformer",
        "  metadata: {name: p}",
        "  prefix: pre-",
        "  fieldSpecs: [{path: metadata/name}]",
        "- suffix.yaml",
        "patches:",
        "- target: {kind: ConfigMap}",
        "  patch: |",
        "    - op: add",
        "      path: /data/added",
        "      value: 'yes'",
      ].join("\n"),
      "a.yaml": configMap("a", "{b: c}"),
      "suffix.yaml":
        "# comment\napiVersion: builtin\nkind: SuffixTransformer\nmetadata: {name: s}\nsuffix: -post\nfieldSpecs: [{path: metadata/name}]\n",
    });
    assert.equal(documents[0]?.metadata.name, "pre-a-post");
    assert.equal(documents[0]?.metadata.annotations?.["who"], 'é 😀 "x"');
    assert.deepEqual(documents[0]?.["data"], { b: "c", added: "yes" });
  });

  it("refuses by policy before a process is started", async () => {
    await assert.rejects(render({ "kustomization.yaml": "resources: [https://example.com/x]\n" }), {
      code: "remote_not_allowed",
      status: 400,
    });
    await assert.rejects(render({ "a.yaml": "" }), { code: "kustomization_missing" });
  });

  it("names the object that is there twice", async () => {
    const error = await render({
      "kustomization.yaml": "resources: [a.yaml, b.yaml]\n",
      "a.yaml": configMap("a"),
      "b.yaml": configMap("a"),
    }).catch((e: unknown) => e);
    assert.deepEqual(
      faultsOf(error).map(({ code, object }) => [code, object]),
      [["duplicate_object", "ConfigMap/a"]],
    );
  });

  it("says what kustomize refused without naming its folders", async () => {
    const files = {
      "kustomization.yaml": "resources: [a.yaml]\npatches: [{path: p.yaml}]\n",
      "a.yaml": configMap("a"),
      "p.yaml": configMap("missing"),
    };
    await assert.rejects(render(files), (error: Error) => {
      assert.match(error.message, /patch of ConfigMap\/missing has nothing to change/);
      assert.ok(!error.message.includes(tempDir) && !error.message.includes(tmpdir()), error.message);
      return true;
    });
  });

  it("holds the limits of objects and bytes", async function () {
    skipWithoutKustomize(this, binary);
    const real = binary;
    const files = filesOf({
      "kustomization.yaml": "resources: [a.yaml]\n",
      "a.yaml": ["a", "b", "c"].map((name) => configMap(name)).join("---\n"),
    });
    const withLimits = (options: Partial<KustomizeOptions>): Kustomize =>
      createKustomize({ binary: real, tempDir, ...options });
    await assert.rejects(withLimits({ limits: { maxObjects: 2 } }).render(files), {
      code: "too_many_objects",
      status: 413,
    });
    await assert.rejects(withLimits({ limits: { maxBytes: 100 } }).render(files), {
      code: "render_too_large",
      status: 413,
    });
    await assert.rejects(withLimits({ maxOutputBytes: 50 }).render(files), {
      code: "render_too_large",
      status: 413,
    });
    await assert.rejects(withLimits({ timeoutMs: 1 }).render(files), { code: "render_timeout", status: 504 });
  });

  it("bounds kustomize's memory where prlimit is", async function () {
    skipWithoutKustomize(this, binary);
    if (binary.limiter === null) return this.skip();
    const many = Array.from({ length: 400 }, (_, index) =>
      configMap(`c${index}`, `{text: "${"x".repeat(2000)}"}`),
    ).join("---\n");
    const files = filesOf({ "kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": many });
    const tight = createKustomize({ binary, tempDir, maxMemoryBytes: 40 * 1024 * 1024 });
    await assert.rejects(tight.render(files), { code: "render_memory", status: 413 });
    assert.equal((await kustomize.render(files)).objectCount, 400);
  });

  it("renders many at once, each for itself", async () => {
    const results = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        render({ "kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": configMap(`c${index}`) }),
      ),
    );
    assert.deepEqual(
      results.map(({ documents }) => documents[0]?.metadata.name),
      Array.from({ length: 8 }, (_, index) => `c${index}`),
    );
  });
});

describe("when the renderer misbehaves", () => {
  let folder: string;
  beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), "rciots-renderer-"))));
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const files = filesOf({ "kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": configMap("a") });

  async function fake(script: string, options: Partial<KustomizeOptions> = {}): Promise<Kustomize> {
    const path = join(folder, "kustomize");
    await writeFile(path, `#!/bin/sh\n${script}\n`);
    await chmod(path, 0o700);
    return createKustomize({
      binary: { kind: "kustomize", path, version: "v0.0.0", limiter: null },
      ...options,
    });
  }

  it("gives it an environment of its own and the safe flags", async () => {
    const script =
      'printf "apiVersion: v1\\nkind: A\\nmetadata: {name: a}\\nargs: \\"%s\\"\\nenv: \\"%s\\"\\ncwd: \\"%s\\"\\n" "$*" "$(/usr/bin/env | /usr/bin/cut -d= -f1 | /usr/bin/sort | /usr/bin/tr "\\n" " ")" "$PWD"';
    const { documents } = await (await fake(script)).render(files);
    assert.equal(documents[0]?.["args"], "build --load-restrictor LoadRestrictionsRootOnly .");
    assert.equal(documents[0]?.["env"], "GOMEMLIMIT HOME HTTPS_PROXY HTTP_PROXY KUBECONFIG PATH PWD TMPDIR ");
    assert.match(String(documents[0]?.["cwd"]), /rciots-render-\w+\/files$/);
  });

  it("stops it at the timeout and on abort", async () => {
    const hangs = await fake("exec /bin/sleep 60", { timeoutMs: 200 });
    await assert.rejects(hangs.render(files), { code: "render_timeout" });
    const controller = new AbortController();
    const running = (await fake("exec /bin/sleep 60")).render(files, { signal: controller.signal });
    setTimeout(() => controller.abort(), 50);
    await assert.rejects(running, { code: "aborted" });
  });

  it("does not run more at once than it is told", async () => {
    const script = `: > "${folder}/running.$$"; /bin/ls ${folder} | /bin/grep -c running >> ${folder}/counts; /bin/sleep 0.1; /bin/rm "${folder}/running.$$"; echo '{apiVersion: v1, kind: A, metadata: {name: a}}'`;
    const kustomize = await fake(script, { maxConcurrent: 2 });
    await Promise.all(Array.from({ length: 6 }, () => kustomize.render(files)));
    const { readFile } = await import("node:fs/promises");
    const counts = (await readFile(join(folder, "counts"), "utf8")).trim().split("\n").map(Number);
    assert.equal(counts.length, 6);
    assert.equal(Math.max(...counts), 2);
  });

  it("refuses output that is no list of objects", async () => {
    await assert.rejects((await fake("echo 'a: ['")).render(files), { code: "render_invalid" });
    await assert.rejects((await fake("echo 'a: b'")).render(files), { code: "object_invalid" });
    await assert.rejects(
      (
        await fake("for i in 1 2; do echo '---'; echo '{apiVersion: v1, kind: A, metadata: {name: a}}'; done")
      ).render(files),
      { code: "duplicate_object" },
    );
  });

  it("says so when it is not there any more", async () => {
    const kustomize = createKustomize({
      binary: { kind: "kustomize", path: join(folder, "gone"), version: "v0.0.0", limiter: null },
    });
    await assert.rejects(kustomize.render(files), { code: "kustomize_unavailable", status: 503 });
  });
});

describe("when a cache key is made", () => {
  it("depends on every file, the root and the version, and not on the order", () => {
    const files = filesOf({ a: "1", b: "2" });
    const key = renderKey(files, "", "v5");
    assert.match(key, /^[0-9a-f]{64}$/);
    assert.equal(renderKey([...files].reverse(), "", "v5"), key);
    const others = [
      renderKey(files, "a", "v5"),
      renderKey(files, "", "v6"),
      renderKey(filesOf({ a: "12", b: "" }), "", "v5"),
      renderKey(filesOf({ a1: "", b: "2" }), "", "v5"),
    ];
    assert.equal(new Set([key, ...others]).size, 5);
  });
});
