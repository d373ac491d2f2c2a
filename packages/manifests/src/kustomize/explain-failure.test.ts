import assert from "node:assert/strict";
import { before, describe, it } from "mocha";
import { findTestKustomize, skipWithoutKustomize } from "../../test/test-kustomize.ts";
import { faultsOf, type Fault } from "../manifest-fault.ts";
import { compileSubstitution } from "../substitution/compile-substitution.ts";
import { locatePlaceholders } from "../substitution/locate-placeholders.ts";
import { createKustomize, type Kustomize } from "./kustomize.ts";

const configMap = (name: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\ndata: {}\n`;

const base = "resources: [a.yaml]\n";

/** What is wrong, and the file, line and words that must be named. */
const cases: Record<string, [files: Record<string, string>, file: string, line: number, words: RegExp]> = {
  "a patch of what is not there": [
    {
      "kustomization.yaml": `${base}patches: [{path: p.yaml}]\n`,
      "p.yaml": `${configMap("a")}---\n${configMap("gone")}`,
    },
    "p.yaml",
    7,
    /ConfigMap\/gone has nothing to change/,
  ],
  "a patch within a kustomization, of what is not there": [
    {
      "kustomization.yaml": `${base}patches:\n- patch: |\n    {apiVersion: v1, kind: ConfigMap, metadata: {name: gone}}\n`,
    },
    "kustomization.yaml",
    3,
    /ConfigMap\/gone/,
  ],
  "a path that a JSON patch does not find": [
    {
      "kustomization.yaml": `${base}patches: [{path: p.yaml, target: {kind: ConfigMap}}]\n`,
      "p.yaml": "- op: replace\n  path: /data/x/y\n  value: 1\n",
    },
    "p.yaml",
    2,
    /"\/data\/x\/y" is not in the object/,
  ],
  "an operation no JSON patch has": [
    {
      "kustomization.yaml": `${base}patches: [{path: p.yaml, target: {kind: ConfigMap}}]\n`,
      "p.yaml": "- path: /data/x\n  op: frob\n  value: 1\n",
    },
    "p.yaml",
    2,
    /"frob" is no operation/,
  ],
  "an object that is there twice": [
    {
      "kustomization.yaml": "resources: [a.yaml, b.yaml]\n",
      "b.yaml": `${configMap("b")}---\n${configMap("a")}`,
    },
    "b.yaml",
    7,
    /ConfigMap\/a is there twice; the other is in "a.yaml", line 1/,
  ],
  "a field of another type": [
    { "kustomization.yaml": `${base}images: {name: x}\n` },
    "kustomization.yaml",
    2,
    /"images": a mapping stands where a list must be/,
  ],
  "a literal without a value": [
    { "kustomization.yaml": `${base}configMapGenerator:\n- name: x\n  literals: [a]\n` },
    "kustomization.yaml",
    4,
    /"a" must be key=value/,
  ],
  "replicas of no workload": [
    { "kustomization.yaml": `${base}replicas:\n- {name: web, count: 2}\n` },
    "kustomization.yaml",
    3,
    /no workload named "web"/,
  ],
  "a replacement of no source": [
    {
      "kustomization.yaml": `${base}replacements:\n- source: {kind: ConfigMap, name: gone}\n  targets: [{select: {kind: ConfigMap}, fieldPaths: [data.b]}]\n`,
    },
    "kustomization.yaml",
    3,
    /no ConfigMap\/gone to take a value from/,
  ],
  "a replacement of no field": [
    {
      "kustomization.yaml": `${base}replacements:\n- source: {kind: ConfigMap, name: a, fieldPath: data.q}\n  targets: [{select: {kind: ConfigMap}, fieldPaths: [data.b]}]\n`,
    },
    "kustomization.yaml",
    3,
    /ConfigMap\/a has no field "data.q"/,
  ],
  "a generator of what is there already": [
    {
      "kustomization.yaml": `${base}configMapGenerator:\n- name: a\n  literals: [a=b]\n  options: {disableNameSuffixHash: true}\n`,
    },
    "kustomization.yaml",
    3,
    /ConfigMap\/a is there already/,
  ],
  "another kind of kustomization": [
    { "kustomization.yaml": `${base}kind: Foo\n` },
    "kustomization.yaml",
    2,
    /kind should be Kustomization/,
  ],
  "a fault in a folder below": [
    {
      "kustomization.yaml": "resources: [sub]\nimages: []\n",
      "sub/kustomization.yaml": "resources: [a.yaml]\n\nimages: {name: x}\n",
      "sub/a.yaml": configMap("a"),
    },
    "sub/kustomization.yaml",
    3,
    /^"sub\/kustomization.yaml", line 3/,
  ],
};

describe("when real kustomize refuses files", () => {
  let kustomize: Kustomize;
  before(async function () {
    const binary = await findTestKustomize();
    skipWithoutKustomize(this, binary);
    kustomize = createKustomize({ binary });
  });

  async function faultIn(contents: Record<string, string>): Promise<Fault> {
    const files = Object.entries({ "a.yaml": configMap("a"), ...contents });
    const refused = await kustomize
      .render(files.map(([path, content]) => ({ path, content })))
      .catch((error: unknown) => error);
    const [fault] = faultsOf(refused);
    assert.ok(fault, `it was not refused: ${String(refused)}`);
    return fault;
  }

  for (const [title, [files, file, line, words]] of Object.entries(cases)) {
    it(`names file and line of ${title}`, async () => {
      const fault = await faultIn(files);
      assert.deepEqual([fault.file, fault.line], [file, line], fault.message);
      assert.match(fault.message, words);
    });
  }

  it("keeps kustomize's own words where they are not known, and names the kustomization", async () => {
    const fault = await faultIn({
      "kustomization.yaml": "resources: [sub]\n",
      "sub/kustomization.yaml": "resources: [../]\n",
    });
    assert.equal(fault.code, "render_failed");
    assert.match(fault.message, /^Kustomize: .*cycle detected/);
    assert.equal(fault.file, "sub/kustomization.yaml");
  });
});

describe("when a placeholder is wrong", () => {
  it("names the line of the source that it was written in", () => {
    const ndjson = `${JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" }, data: { x: "${FOO^^}" } })}\n`;
    const files = [
      { path: "a.yaml", content: `${configMap("a")}# \n  x: "\${FOO^^}"\n` },
      { path: "b.yaml", content: "x: 1\n" },
    ];
    assert.throws(
      () => {
        try {
          compileSubstitution(ndjson);
        } catch (error) {
          throw locatePlaceholders(error, files);
        }
      },
      (error: unknown) => {
        const [fault] = faultsOf(error);
        assert.deepEqual([fault?.file, fault?.line], ["a.yaml", 7]);
        assert.match(fault?.message ?? "", /^"a.yaml", line 7: ConfigMap\/a: data.x/);
        return true;
      },
    );
    const other = new Error("another");
    assert.equal(locatePlaceholders(other, files), other);
  });
});
