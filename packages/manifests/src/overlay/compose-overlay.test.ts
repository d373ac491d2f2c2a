import assert from "node:assert/strict";
import { before, describe, it } from "mocha";
import { findTestKustomize, skipWithoutKustomize } from "../../test/test-kustomize.ts";
import type { ManifestFile } from "../files/manifest-file.ts";
import type { KustomizeBinary } from "../kustomize/find-kustomize.ts";
import { createKustomize } from "../kustomize/kustomize.ts";
import { composeOverlay, type ComposeOverlayOptions } from "./compose-overlay.ts";

function filesOf(contents: Record<string, string>): ManifestFile[] {
  return Object.entries(contents).map(([path, content]) => ({ path, content }));
}

const configMap = (name: string, data = "{}"): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\ndata: ${data}\n`;
const template = (name: string): ManifestFile[] =>
  filesOf({ "kustomization.yaml": "resources: [cm.yaml]\n", "cm.yaml": configMap(name, "{from: base}") });

const generated = (options: ComposeOverlayOptions): unknown => {
  const { files, root } = composeOverlay(options);
  const content = files.find(({ path }) => path === `${root}/kustomization.yaml`)?.content ?? "null";
  return JSON.parse(content);
};

describe("when templates and an overlay are laid out", () => {
  it("puts templates beside the overlay, which stays as it is when it has a kustomization", () => {
    const { files, root } = composeOverlay({
      bases: [{ name: "web", files: template("web") }],
      overlay: { files: filesOf({ "kustomization.yml": "resources: [../base-web]\n" }) },
    });
    assert.equal(root, "overlay");
    assert.deepEqual(
      files.map(({ path }) => path),
      ["base-web/kustomization.yaml", "base-web/cm.yaml", "overlay/kustomization.yml"],
    );
  });

  it("generates a kustomization: bases, resources, folders, components, patches", () => {
    const kustomization = generated({
      bases: [
        { name: "web", files: template("web") },
        { name: "db", files: template("db") },
      ],
      overlay: {
        files: filesOf({
          "z.yaml": "",
          "a/b.yml": "",
          "notes.txt": "",
          "patches/p.yaml": "",
          "patches/deep/q.yaml": "",
          "sub/kustomization.yaml": "resources: [inner.yaml]\n",
          "sub/inner.yaml": "",
          "part/Kustomization": "kind: Component\n",
        }),
      },
    });
    assert.deepEqual(kustomization, {
      apiVersion: "kustomize.config.k8s.io/v1beta1",
      kind: "Kustomization",
      resources: ["../base-web", "../base-db", "sub", "a/b.yml", "z.yaml"],
      components: ["part"],
      patches: [{ path: "patches/deep/q.yaml" }, { path: "patches/p.yaml" }],
    });
  });

  it("generates it in the overlay's root, with the way up to the bases", () => {
    const { resources } = generated({
      bases: [{ name: "web", files: template("web") }],
      overlay: { root: "sites/x", files: filesOf({ "sites/x/a.yaml": "", "other.yaml": "" }) },
    }) as { resources: string[] };
    assert.deepEqual(resources, ["../../../base-web", "a.yaml"]);
  });

  it("lets base-<name> stand for a template whose root is a folder within it", () => {
    const { files } = composeOverlay({
      bases: [{ name: "web", root: "deploy/prod", files: filesOf({ "deploy/prod/kustomization.yaml": "" }) }],
      overlay: { files: [] },
    });
    assert.deepEqual(
      files.map(({ path }) => path),
      [
        "source-web/deploy/prod/kustomization.yaml",
        "base-web/kustomization.yaml",
        "overlay/kustomization.yaml",
      ],
    );
    assert.deepEqual((JSON.parse(files[1]?.content ?? "") as { resources: string[] }).resources, [
      "../source-web/deploy/prod",
    ]);
  });

  it("refuses bad and repeated names, bad files and too many of them", () => {
    const compose = (name: string): unknown =>
      composeOverlay({ bases: [{ name, files: template("a") }], overlay: { files: [] } });
    for (const name of ["../x", "A", "a b", "-a", "", "a".repeat(64)])
      assert.throws(() => compose(name), { code: "invalid_template_name" });
    const twice = { name: "a", files: template("a") };
    assert.throws(() => composeOverlay({ bases: [twice, twice], overlay: { files: [] } }), {
      code: "duplicate_template",
    });
    assert.throws(() => composeOverlay({ bases: [], overlay: { files: filesOf({ "../base-a/x": "" }) } }), {
      code: "invalid_path",
    });
    assert.throws(() => composeOverlay({ bases: [twice], overlay: { files: [] }, limits: { maxFiles: 2 } }), {
      code: "too_many_files",
    });
  });
});

describe("when a layout is rendered with real kustomize", () => {
  let binary: KustomizeBinary | null;
  before(async () => void (binary = await findTestKustomize()));

  it("applies a device's patches and resources on top of all templates", async function () {
    skipWithoutKustomize(this, binary);
    const { files, root } = composeOverlay({
      bases: [
        { name: "web", files: template("web") },
        {
          name: "db",
          root: "k",
          files: template("db").map(({ path, content }) => ({ path: `k/${path}`, content })),
        },
      ],
      overlay: {
        files: filesOf({
          "extra.yaml": configMap("extra"),
          "patches/web.yaml": configMap("web", "{from: device}"),
        }),
      },
    });
    const { documents } = await createKustomize({ binary }).render(files, { root });
    assert.deepEqual(
      documents
        .map(({ metadata, data }) => [metadata.name, (data as Record<string, string> | undefined)?.["from"]])
        .sort(),
      [
        ["db", "base"],
        ["extra", undefined],
        ["web", "device"],
      ],
    );
  });

  it("renders templates alone when the overlay is empty", async function () {
    skipWithoutKustomize(this, binary);
    const { files, root } = composeOverlay({
      bases: [{ name: "web", files: template("web") }],
      overlay: { files: [] },
    });
    assert.equal((await createKustomize({ binary }).render(files, { root })).objectCount, 1);
  });
});
