import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { faultsOf } from "../manifest-fault.ts";
import { canonicalJson } from "./canonical-json.ts";
import { mergeDocuments } from "./merge-documents.ts";
import { parseNdjson, parseRendered, type DocumentLimits } from "./rendered.ts";

const object = (kind: string, name: string, extra: Record<string, unknown> = {}): string =>
  `${canonicalJson({ apiVersion: "v1", kind, metadata: { name }, ...extra })}\n`;

const faultCodes = (work: () => unknown): string[] => {
  try {
    work();
    return [];
  } catch (error) {
    return faultsOf(error).map(({ code, message }) => `${code}: ${message}`);
  }
};

describe("when a value is written as canonical JSON", () => {
  it("sorts keys at every depth and keeps lists in order", () => {
    assert.equal(
      canonicalJson({ b: [2, { d: 1, c: null }], a: "x\n", "10": 1, "9": 2 }),
      '{"10":1,"9":2,"a":"x\\n","b":[2,{"c":null,"d":1}]}',
    );
  });

  it("writes whole numbers of any size", () =>
    assert.equal(canonicalJson([9007199254740993n, -1, 0.5]), "[9007199254740993,-1,0.5]"));
});

describe("when rendered documents are read", () => {
  const limits: DocumentLimits = { maxObjects: 10, maxBytes: 10_000 };

  it("expands lists of any kind, also within each other", async () => {
    const yaml =
      "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMapList\n  items:\n  - apiVersion: v1\n    kind: ConfigMap\n    metadata:\n      name: a\n- apiVersion: v1\n  kind: Pod\n  metadata:\n    name: b\n";
    const { documents } = await parseRendered(yaml, limits);
    assert.deepEqual(
      documents.map(({ kind }) => kind),
      ["ConfigMap", "Pod"],
    );
  });

  it("takes nothing for no objects", async () => {
    const { ndjson, objectCount, digest } = await parseRendered("", limits);
    assert.deepEqual([ndjson, objectCount], ["", 0]);
    assert.equal(digest, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  });

  it("takes versions of one group for the same object, and namespaces apart", async () => {
    const yaml = (version: string, namespace: string): string =>
      `apiVersion: apps/${version}\nkind: Deployment\nmetadata:\n  name: a\n  namespace: ${namespace}\n`;
    await assert.rejects(parseRendered(`${yaml("v1", "x")}---\n${yaml("v1beta1", "x")}`, limits), {
      code: "duplicate_object",
      message: "Deployment/x/a is there twice.",
    });
    assert.equal((await parseRendered(`${yaml("v1", "x")}---\n${yaml("v1", "y")}`, limits)).objectCount, 2);
  });
});

describe("when NDJSON is read", () => {
  it("says which line is wrong", () => {
    assert.deepEqual(
      faultCodes(() => parseNdjson(`${object("A", "a")}{`)),
      ["ndjson_invalid: Line 2 is not JSON."],
    );
    assert.deepEqual(
      faultCodes(() => parseNdjson('{"apiVersion":"v1","kind":"Pod"}\n')),
      ['object_invalid: Line 1 ("Pod") lacks apiVersion, kind or metadata.name.'],
    );
    assert.match(faultCodes(() => parseNdjson("null\n"))[0] ?? "", /^object_invalid/);
  });
});

describe("when several templates are put together", () => {
  it("keeps their order and makes one digest", () => {
    const merged = mergeDocuments([
      { name: "b", ndjson: object("B", "x") },
      { name: "a", ndjson: object("A", "x") },
      { name: "none", ndjson: "" },
    ]);
    assert.equal(merged.ndjson, object("B", "x") + object("A", "x"));
    assert.equal(merged.objectCount, 2);
    assert.equal(merged.documents.length, 2);
  });

  it("refuses an object that two of them bring, with both names", () => {
    const parts = [
      { name: "web", ndjson: object("A", "x") },
      { name: "db", ndjson: object("A", "x", { data: {} }) },
    ];
    assert.deepEqual(
      faultCodes(() => mergeDocuments(parts)),
      ['duplicate_object: A/x is in "web" and in "db".'],
    );
  });

  it("holds the limits over all of them", () => {
    const parts = ["a", "b"].map((name) => ({ name, ndjson: object("A", name) }));
    assert.match(faultCodes(() => mergeDocuments(parts, { maxObjects: 1 }))[0] ?? "", /^too_many_objects/);
    assert.match(faultCodes(() => mergeDocuments(parts, { maxBytes: 60 }))[0] ?? "", /^render_too_large/);
  });
});
