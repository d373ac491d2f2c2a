import assert from "node:assert/strict";
import { describe, it } from "mocha";
import type { ManifestFile } from "../files/manifest-file.ts";
import { checkKustomizations, missingReferences } from "./kustomization-policy.ts";

const object = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n";

function filesOf(contents: Record<string, string>): ManifestFile[] {
  return Object.entries(contents).map(([path, content]) => ({ path, content }));
}

async function faults(contents: Record<string, string>, root = ""): Promise<string[]> {
  const { faults: found } = await checkKustomizations(filesOf(contents), root);
  return found.map(({ code, file, line, entry }) =>
    [code, `${file}:${line}`, entry].filter((part) => part !== undefined).join(" "),
  );
}

const one = (kustomization: string, more: Record<string, string> = {}): Promise<string[]> =>
  faults({ "kustomization.yaml": kustomization, "cm.yaml": object, ...more });

describe("when kustomizations are checked before kustomize runs", () => {
  it("passes bases, components, patches, generators and built-in transformers", async () => {
    const contents = {
      "prod/kustomization.yaml": [
        "resources: [../base, cm.yaml]",
        "components: [../part]",
        "patches: [{path: p.yaml}, {patch: '[{op: remove, path: /x}]', target: {kind: A}}]",
        "patchesStrategicMerge: ['{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}', p.yaml]",
        "configMapGenerator: [{name: c, files: [key=data/f.txt, data/f.txt], envs: [e.env], literals: ['u=https://x/y']}]",
        "commonAnnotations: {docs: 'https://example.com/x?ref=1'}",
        "transformers: [t.yaml, '{apiVersion: builtin, kind: PrefixTransformer, metadata: {name: x}, prefix: y}']",
      ].join("\n"),
      "prod/cm.yaml": `# c\n---\n${object}---\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: b}}\n`,
      "prod/p.yaml": object,
      "prod/data/f.txt": "x",
      "prod/e.env": "A=1",
      "prod/t.yaml": "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: x}\npath: p.yaml\n",
      "base/Kustomization": "resources: [b.yaml]\n",
      "base/b.yaml": object,
      "part/kustomization.yml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n",
    };
    assert.deepEqual(await faults(contents, "prod"), []);
  });

  it("does not look at files that nothing names", async () => {
    assert.deepEqual(await one("resources: [cm.yaml]\n", { "notes.yaml": "a: [1\n" }), []);
  });

  for (const [field, text] of [
    ["resources", "[cm.yaml, ../x]"],
    ["resources", "[/etc/kubernetes]"],
    ["bases", "[../../x]"],
    ["components", "[../x]"],
    ["crds", "[../x.json]"],
    ["configurations", "[../x.yaml]"],
    ["openapi", "{path: ../x.json}"],
    ["patches", "[{path: ../x.yaml}]"],
    ["patches", "[{PATH: ../x.yaml}]"],
    ["patchesJson6902", "[{path: ../x.yaml}]"],
    ["patchesStrategicMerge", "[../x.yaml]"],
    ["replacements", "[{path: ../x.yaml}]"],
    ["configMapGenerator", "[{name: a, files: [../x]}]"],
    ["configMapGenerator", "[{name: a, files: [key=../x]}]"],
    ["configMapGenerator", "[{name: a, FILES: [/etc/passwd]}]"],
    ["configMapGenerator", "[{name: a, env: ../x}]"],
    ["secretGenerator", "[{name: a, envs: [../../../etc/passwd]}]"],
    ["generators", "[../x.yaml]"],
    ["transformers", "[../x]"],
    ["validators", "[../x]"],
  ] as const) {
    it(`refuses ${field} ${text} that leaves the folder, with file and line`, async () => {
      const [fault] = await one(`namePrefix: a\n${field}: ${text}\n`);
      assert.match(fault ?? "none", /^path_escapes kustomization\.yaml:2 /);
    });
  }

  for (const entry of [
    "https://example.com/a.yaml",
    "HTTP://example.com/a",
    "http://169.254.169.254/latest",
    "github.com/org/repo",
    "github.com/org/repo//base?ref=main",
    "git@github.com:org/repo.git",
    "ssh://git@example.com/repo",
    "git::https://example.com/x",
    "file:///etc",
    "example.com/org/repo.git",
    "https://dev.azure.com/org/_git/repo",
    "base?ref=main",
    "a//b",
  ]) {
    it(`refuses the remote entry ${entry}`, async () => {
      assert.deepEqual(await one(`resources:\n- cm.yaml\n- ${JSON.stringify(entry)}\n`), [
        `remote_not_allowed kustomization.yaml:3 ${entry}`,
      ]);
      assert.equal(
        (await one(`configMapGenerator: [{name: a, files: [${JSON.stringify(`k=${entry}`)}]}]\n`))[0]?.split(
          " ",
        )[0],
        "remote_not_allowed",
      );
    });
  }

  it("refuses a URL disguised as inline YAML", async () => {
    for (const field of ["patchesStrategicMerge", "generators", "transformers", "validators"]) {
      assert.match(
        (await one(`${field}: ["https://example.com/a: b"]\n`))[0] ?? "none",
        /^remote_not_allowed/,
      );
      assert.match(
        (await one(`${field}: [" http://example.com/{a}"]\n`))[0] ?? "none",
        /^remote_not_allowed/,
      );
      assert.match(
        (await one(`${field}: ["../../{x}"]\n`))[0] ?? "none",
        /^(?:kustomization_invalid|yaml_invalid)/,
      );
    }
  });

  it("refuses plugins, wherever their configuration stands", async () => {
    const plugin = "apiVersion: someteam.example.com/v1\nkind: SedTransformer\nmetadata:\n  name: x\n";
    assert.deepEqual(await one("transformers: [t.yaml]\n", { "t.yaml": plugin }), [
      "plugin_not_allowed t.yaml:2",
    ]);
    assert.deepEqual(await one(`generators:\n- |\n${plugin.replace(/^/gm, "  ")}\n`), [
      "plugin_not_allowed kustomization.yaml:2",
    ]);
    const folder = { "t/kustomization.yaml": "resources: [t.yaml]\n", "t/t.yaml": plugin };
    assert.deepEqual(await one("validators: [t]\n", folder), ["plugin_not_allowed t/t.yaml:2"]);
    const builtinElsewhere = plugin.replace("someteam.example.com/v1", "builtin");
    assert.deepEqual(await one("transformers: [t.yaml]\n", { "t.yaml": builtinElsewhere }), [
      "plugin_not_allowed t.yaml:2",
    ]);
  });

  it("refuses files that a built-in transformer would load from outside", async () => {
    const builtin =
      "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: x}\nPath: ../../etc/passwd\n";
    assert.match(
      (await one("transformers: [t.yaml]\n", { "t.yaml": builtin }))[0] ?? "none",
      /^path_escapes t\.yaml:4 /,
    );
  });

  it("refuses Helm charts and functions, each with a code of its own", async () => {
    assert.deepEqual(await one("resources: [cm.yaml]\nhelmCharts: [{name: x}]\n"), [
      "helm_not_allowed kustomization.yaml:2 helmCharts",
    ]);
    const inflator = "apiVersion: builtin\nkind: HelmChartInflationGenerator\nmetadata: {name: x}\n";
    assert.deepEqual(await one("generators: [g.yaml]\n", { "g.yaml": inflator }), [
      "helm_not_allowed g.yaml:2",
    ]);
    const asked = `${object}  annotations:\n    config.kubernetes.io/function: |\n      exec: {path: ./x}\n`;
    const expected = ["function_not_allowed f.yaml:6 config.kubernetes.io/function"];
    assert.deepEqual(await one("resources: [f.yaml]\n", { "f.yaml": asked }), expected);
    assert.deepEqual(await one("transformers: [f.yaml]\n", { "f.yaml": asked }), expected);
  });

  it("refuses fields it does not know, also in another case", async () => {
    assert.deepEqual(await one("Resources: [x]\n"), [
      "kustomization_unknown_field kustomization.yaml:1 Resources",
    ]);
    assert.deepEqual(await one("loadMe: x\n"), ["kustomization_unknown_field kustomization.yaml:1 loadMe"]);
  });

  it("sees through merge keys and aliases", async () => {
    const hidden = "namePrefix: &x ../y\nconfigMapGenerator:\n- <<: {files: [*x]}\n  name: a\n";
    assert.match((await one(hidden))[0] ?? "none", /^path_escapes kustomization\.yaml/);
  });

  it("refuses what kustomize's readers take for something else", async () => {
    const hidden = 'configMapGenerator: [{name: x, files: ["http://169.254.169.254/x"]}]';
    for (const lineBreak of ["\u2028", "\u2029", "\u0085", "\r"]) {
      assert.match(
        (await one(`# c${lineBreak}${hidden}\n`))[0] ?? "none",
        /^yaml_invalid kustomization\.yaml/,
      );
      assert.match((await one(`namePrefix: a # c${lineBreak}${hidden}\n`))[0] ?? "none", /^yaml_invalid/);
      const inline = `apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: x}\n# c${lineBreak}path: ../x\n`;
      assert.match((await one(`transformers: [${JSON.stringify(inline)}]\n`))[0] ?? "none", /^yaml_invalid/);
      assert.match(
        (await one("transformers: [t.yaml]\n", { "t.yaml": inline }))[0] ?? "none",
        /^yaml_invalid/,
      );
    }
    // Go folds a long s into an s; a tag makes another value of what is written.
    assert.match(
      (await one("configMapGenerator: [{name: x, file\u017f: [../x]}]\n"))[0] ?? "none",
      /^kustomization_unknown_field/,
    );
    const named = { aHR0cDovL3g: "a file of that name" };
    for (const tag of ["!!binary", "!<tag:yaml.org,2002:binary>", "!other"]) {
      assert.match(
        (await one(`configMapGenerator: [{name: x, files: [${tag} aHR0cDovL3g]}]\n`, named))[0] ?? "none",
        /^yaml_invalid/,
      );
    }
  });

  it("gives kustomize what was checked, in a form that all readers read alike", async () => {
    const contents = {
      "kustomization.yaml":
        "# comment\nresources: &r [cm.yaml]\nnamePrefix: 'é\ud83d\ude00'\ntransformers:\n- |\n  # inline\n  apiVersion: builtin\n  kind: PrefixTransformer\n- t.yaml\n",
      "cm.yaml": `# kept\n${object}`,
      "t.yaml": "# file\napiVersion: builtin\nkind: SuffixTransformer\n",
    };
    const { faults: found, files } = await checkKustomizations(filesOf(contents), "");
    assert.deepEqual(found, []);
    assert.deepEqual(Object.fromEntries(files.map(({ path, content }) => [path, content])), {
      "kustomization.yaml":
        '{"namePrefix":"\\u00e9\\U0001f600","resources":["cm.yaml"],"transformers":["{\\"apiVersion\\":\\"builtin\\",\\"kind\\":\\"PrefixTransformer\\"}","t.yaml"]}',
      "cm.yaml": contents["cm.yaml"],
      "t.yaml": '{"apiVersion":"builtin","kind":"SuffixTransformer"}',
    });
  });

  it("names files that are missing and folders without kustomization", async () => {
    assert.deepEqual(await one("resources: [gone.yaml, dir]\n", { "dir/a.yaml": object }), [
      "file_missing kustomization.yaml:1 gone.yaml",
      "file_missing kustomization.yaml:1 dir",
    ]);
  });

  it("refuses a file above its kustomization's folder, as kustomize would", async () => {
    assert.deepEqual(
      await faults({ "a/kustomization.yaml": "resources: [../cm.yaml]\n", "cm.yaml": object }, "a"),
      ["path_escapes a/kustomization.yaml:1 ../cm.yaml"],
    );
  });

  it("walks into bases and through cycles", async () => {
    const contents = {
      "a/kustomization.yaml": "resources: [../b]\n",
      "b/kustomization.yaml": "resources: [../a, https://x/y]\n",
    };
    assert.deepEqual(await faults(contents, "a"), ["remote_not_allowed b/kustomization.yaml:1 https://x/y"]);
  });

  it("names objects without apiVersion, kind or name, and documents that are none", async () => {
    const bad =
      "kind: A\n---\napiVersion: v1\nmetadata: {name: x}\n---\napiVersion: v1\nkind: Pod\nmetadata: {}\n---\n- a\n---\ntext\n";
    assert.deepEqual(await one("resources: [bad.yaml]\n", { "bad.yaml": bad }), [
      "object_invalid bad.yaml:1",
      "object_invalid bad.yaml:3",
      "object_invalid bad.yaml:6",
      "object_invalid bad.yaml:10",
      "object_invalid bad.yaml:12",
    ]);
  });

  it("says where a kustomization or an inline patch is not YAML", async () => {
    assert.deepEqual(await one("resources: [cm.yaml\n"), ["yaml_invalid kustomization.yaml:2"]);
    assert.deepEqual(await one("resources: [cm.yaml]\npatchesStrategicMerge:\n- |\n  a: [\n"), [
      "yaml_invalid kustomization.yaml:3",
    ]);
    assert.deepEqual(await one("- a\n"), ["kustomization_invalid kustomization.yaml:1"]);
  });
});

describe("when the bases of a folder are looked for", () => {
  it("names what kustomizations refer to and is not there yet", async () => {
    const contents = {
      "apps/web/kustomization.yaml": "resources: [../../base, cm.yaml, https://x/y, ../../../up]\n",
      "apps/web/cm.yaml": object,
    };
    assert.deepEqual(await missingReferences(filesOf(contents), "apps/web"), ["base"]);
  });
});
