import assert from "node:assert/strict";
import {
  changesBetween,
  draftOf,
  isSameDraft,
  renamed,
  renameFault,
  stateOf,
  withoutPath,
  written,
} from "./draft-files.ts";
import { clashFault, firstFile, foldersOf, kustomizationFolders, pathFault } from "./file-path.ts";
import { buildTree, visibleRows } from "./file-tree.ts";
import { addUploads, withoutCommonFolder, type UploadedFile } from "./upload.ts";

const draft = (...paths: string[]) => draftOf(paths.map((path) => ({ path, content: `# ${path}` })));
const upload = (path: string, content: string | Uint8Array): UploadedFile => {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  return { path, sizeBytes: bytes.length, read: async () => new Uint8Array(bytes).buffer };
};

describe("when the path of a file is given", () => {
  it("takes what the platform takes, and says what is wrong with the rest", () => {
    for (const path of ["a.yaml", "base/ü b.txt", "a/b/c", ".hidden"])
      assert.equal(pathFault(path), null, path);
    const bad = ["", " ", "/a", "a\\b", "C:/x", "a//b", "./a", "a/../b", "..", "a/", "a\nb", "x".repeat(256)];
    for (const path of [...bad, "x/".repeat(300)]) assert.notEqual(pathFault(path), null, path);
  });

  it("sees clashes with files and folders, also in capitals", () => {
    assert.equal(clashFault("b.yaml", ["a.yaml"]), null);
    assert.match(clashFault("a.yaml", ["a.yaml"]) ?? "", /there already/);
    assert.match(clashFault("A.yaml", ["a.yaml"]) ?? "", /only in case/);
    assert.match(clashFault("base", ["base/a.yaml"]) ?? "", /folder already/);
    assert.match(clashFault("a.yaml/b", ["a.yaml"]) ?? "", /where a.yaml is a file/);
  });

  it("finds the folders that can be built", () => {
    assert.deepEqual(kustomizationFolders(["b/kustomization.yml", "Kustomization", "b/a.yaml", "c/x"]), [
      "",
      "b",
    ]);
    assert.deepEqual(foldersOf("a/b/c.yaml"), ["a", "a/b"]);
    assert.equal(firstFile(["base/kustomization.yaml", "kustomization.yaml"]), "kustomization.yaml");
    assert.equal(firstFile(["a.yaml"]), "a.yaml");
    assert.equal(firstFile([]), null);
  });
});

describe("when files are shown as a tree", () => {
  const tree = buildTree(["z.yaml", "base/b.yaml", "base/deep/c.yaml", "a.yaml"]);
  const shown = (open: string[]) =>
    visibleRows(tree, new Set(open)).map(({ node, level }) => `${level}${node.path}`);

  it("puts folders first, each by name", () => {
    assert.deepEqual(shown([]), ["1base", "1a.yaml", "1z.yaml"]);
  });

  it("shows what is in the folders that are open", () => {
    assert.deepEqual(shown(["base"]), ["1base", "2base/deep", "2base/b.yaml", "1a.yaml", "1z.yaml"]);
    assert.deepEqual(shown(["base/deep"]), ["1base", "1a.yaml", "1z.yaml"], "not within a closed one");
    const [, second] = visibleRows(tree, new Set(["base"]));
    assert.deepEqual([second?.position, second?.siblingCount], [1, 2]);
  });

  it("builds a thousand files at once", () => {
    const paths = Array.from({ length: 1_000 }, (_, index) => `f${index % 50}/g${index % 7}/${index}.yaml`);
    assert.equal(buildTree(paths).length, 50);
  });
});

describe("when files are edited", () => {
  it("renames and removes a folder with all that is in it, and nothing beside it", () => {
    const files = draft("base/a", "base/sub/b", "base2/c");
    assert.deepEqual([...renamed(files, "base", "core").keys()], ["core/a", "core/sub/b", "base2/c"]);
    assert.deepEqual([...withoutPath(files, "base").keys()], ["base2/c"]);
    assert.equal(renameFault(files, "base", "base3"), null);
    assert.match(renameFault(files, "base", "base2") ?? "", /folder already/);
  });

  it("counts bytes as they are typed, and keeps the list of paths meanwhile", () => {
    const before = stateOf(draft("a", "b"));
    const after = written(before, "a", "é");
    assert.deepEqual([before.totalBytes, after.totalBytes], [6, 5]);
    assert.equal(after.paths, before.paths);
    assert.deepEqual(written(after, "c", "x").paths, ["a", "b", "c"]);
    assert.deepEqual(stateOf(after.files), after);
  });

  it("tells what differs", () => {
    const [before, after] = [draft("same", "gone", "other"), draft("same", "new", "other")];
    assert.deepEqual(changesBetween(before, new Map(after).set("other", "x")), [
      { path: "gone", kind: "removed" },
      { path: "new", kind: "added" },
      { path: "other", kind: "changed" },
    ]);
    assert.ok(isSameDraft(before, draft("other", "same", "gone")));
    assert.equal(isSameDraft(before, after), false);
  });
});

describe("when files are uploaded", () => {
  it("makes a folder that was chosen the top", () => {
    const paths = (...given: string[]) => withoutCommonFolder(given.map((path) => ({ path })));
    assert.deepEqual(paths("app/a", "app/b/c"), [{ path: "a" }, { path: "b/c" }]);
    assert.deepEqual(paths("app/a", "b"), [{ path: "app/a" }, { path: "b" }]);
    assert.deepEqual(paths("a"), [{ path: "a" }]);
  });

  it("leaves version control and the like out, and says what it can't take", async () => {
    const outcome = await addUploads(draft("a.yaml"), [
      upload(".git/config", "x"),
      upload("app/node_modules/x.js", "x"),
      upload(".DS_Store", "x"),
      upload("a.yaml", "new"),
      upload("logo.png", new Uint8Array([0x89, 0x50, 0xff, 0])),
      upload("big.yaml", new Uint8Array(1_048_577)),
      upload("A.yaml", "clash"),
    ]);
    assert.deepEqual([...outcome.added], [["a.yaml", "new"]]);
    assert.deepEqual(
      outcome.skipped.map(({ path, reason }) => [path, reason.split(" ").at(-1)]),
      [
        ["logo.png", "text"],
        ["big.yaml", "MiB"],
        ["A.yaml", "case"],
      ],
    );
  });

  it("holds the limits of files and bytes", async () => {
    const many = Array.from({ length: 1_001 }, (_, index) => upload(`f${index}.yaml`, "x"));
    const counted = await addUploads(new Map(), many);
    assert.deepEqual([counted.added.size, counted.skipped.length], [1_000, 1]);
    const large = Array.from({ length: 9 }, (_, index) => upload(`f${index}.yaml`, "x".repeat(1_048_576)));
    const weighed = await addUploads(new Map(), large);
    assert.deepEqual([weighed.added.size, weighed.skipped[0]?.path], [8, "f8.yaml"]);
  });
});
