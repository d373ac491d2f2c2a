import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { faultsOf } from "../manifest-fault.ts";
import { validateManifestFiles, type ValidateFilesOptions } from "./validate-files.ts";

const kustomization = { path: "kustomization.yaml", content: "resources: []\n" };

function codes(files: unknown, options?: ValidateFilesOptions): string[] {
  try {
    validateManifestFiles(files, options);
    return [];
  } catch (error) {
    return faultsOf(error).map(({ code }) => code);
  }
}

const withPath = (path: string): unknown => [kustomization, { path, content: "" }];

describe("when files come from outside", () => {
  it("takes relative paths and gives back nothing but path and content", () => {
    const files = validateManifestFiles([kustomization, { path: "a/ü b.txt", content: "x", extra: 1 }]);
    assert.deepEqual(files, [kustomization, { path: "a/ü b.txt", content: "x" }]);
  });

  for (const path of [
    "../x",
    "a/../x",
    "a/..",
    "..",
    "/etc/passwd",
    "a\\b",
    "C:/x",
    "a//b",
    "./a",
    "a/./b",
    "a/",
    "",
    "a\nb",
    "a\0b",
    "a\u0085b",
    "\ud800",
    "x".repeat(256),
    "x/".repeat(300) + "x",
  ]) {
    it(`refuses the path ${JSON.stringify(path).slice(0, 30)}`, () =>
      assert.deepEqual(codes(withPath(path)), ["invalid_path"]));
  }

  it("refuses paths that are one file on some file system", () => {
    assert.deepEqual(codes([kustomization, kustomization]), ["duplicate_path"]);
    assert.deepEqual(codes(withPath("KUSTOMIZATION.yaml")), ["duplicate_path"]);
    assert.deepEqual(
      codes([kustomization, { path: "\u00e9", content: "" }, { path: "e\u0301", content: "" }]),
      ["duplicate_path"],
    );
  });

  it("refuses a file where another needs a folder", () => {
    assert.deepEqual(codes([kustomization, { path: "a/b", content: "" }, { path: "A", content: "" }]), [
      "duplicate_path",
    ]);
  });

  it("names every fault by file at once", () => {
    try {
      validateManifestFiles([
        { path: "../a", content: "" },
        { path: "/b", content: "" },
      ]);
      assert.fail("was accepted");
    } catch (error) {
      assert.deepEqual(
        faultsOf(error).map(({ file }) => file),
        ["../a", "/b"],
      );
    }
  });

  it("refuses what is not a list of files", () => {
    assert.deepEqual(codes({}), ["invalid_files"]);
    assert.deepEqual(codes([null, { path: 1, content: "" }, { path: "a" }]), [
      "invalid_file",
      "invalid_file",
      "invalid_file",
    ]);
  });

  it("counts sizes in bytes of UTF-8 and holds the limits", () => {
    const limits = { maxFileBytes: 10, maxTotalBytes: 15, maxFiles: 3 };
    assert.deepEqual(codes([{ path: "kustomization.yaml", content: "é".repeat(5) }], { limits }), []);
    assert.deepEqual(codes([{ path: "kustomization.yaml", content: "é".repeat(6) }], { limits }), [
      "file_too_large",
    ]);
    const eight = (path: string): unknown => ({ path, content: "x".repeat(8) });
    assert.deepEqual(codes([eight("kustomization.yaml"), eight("a")], { limits }), ["files_too_large"]);
    assert.deepEqual(codes(Array(4).fill(kustomization), { limits }), ["too_many_files"]);
  });

  it("refuses content that is not text", () => {
    assert.deepEqual(codes([kustomization, { path: "a", content: "a\0" }]), ["file_not_text"]);
    assert.deepEqual(codes([kustomization, { path: "a", content: "\udc00" }]), ["file_not_text"]);
  });

  it("wants exactly one kustomization at the chosen root", () => {
    assert.deepEqual(codes([{ path: "a.yaml", content: "" }]), ["kustomization_missing"]);
    assert.deepEqual(codes([kustomization], { root: "prod" }), ["kustomization_missing"]);
    assert.deepEqual(codes([{ path: "prod/Kustomization", content: "" }], { root: "prod" }), []);
    assert.deepEqual(codes([kustomization, { path: "kustomization.yml", content: "" }]), [
      "kustomization_ambiguous",
    ]);
    assert.deepEqual(codes([{ path: "a.yaml", content: "" }], { root: null }), []);
    assert.deepEqual(codes([kustomization], { root: "../x" }), ["invalid_path"]);
  });
});
