import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";
import { describe, it } from "mocha";
import { createBundle, openBundle } from "./bundle.ts";

const object = (name: string, text = ""): string =>
  `${JSON.stringify({ apiVersion: "v1", kind: "A", metadata: { name }, text })}\n`;
const ndjson = object("a") + object("b", "é");

describe("when a bundle is made", () => {
  it("says what it holds and what is transferred", async () => {
    const bundle = await createBundle(ndjson);
    assert.equal(gunzipSync(bundle.encoded).toString(), ndjson);
    assert.equal(bundle.digest, createHash("sha256").update(ndjson).digest("hex"));
    assert.equal(bundle.encodedDigest, createHash("sha256").update(bundle.encoded).digest("hex"));
    assert.equal(bundle.sizeBytes, Buffer.byteLength(ndjson));
    assert.equal(bundle.encodedSizeBytes, bundle.encoded.length);
    assert.equal(bundle.objectCount, 2);
  });

  it("is the same bytes for the same objects", async () => {
    assert.ok((await createBundle(ndjson)).encoded.equals((await createBundle(ndjson)).encoded));
  });
});

describe("when a bundle is opened", () => {
  it("gives back what was put in, checked against what was announced", async () => {
    const bundle = await createBundle(ndjson);
    const opened = await openBundle(bundle.encoded, { expected: bundle });
    assert.equal(opened.ndjson, ndjson);
    assert.deepEqual(
      opened.documents.map(({ metadata }) => metadata.name),
      ["a", "b"],
    );
  });

  it("refuses any difference from what was announced", async () => {
    const bundle = await createBundle(ndjson);
    const other = await createBundle(object("c"));
    for (const field of ["digest", "encodedDigest", "encodedSizeBytes", "objectCount"] as const) {
      await assert.rejects(
        openBundle(bundle.encoded, { expected: { ...bundle, [field]: other[field] } }),
        { code: "bundle_mismatch" },
        field,
      );
    }
    await assert.rejects(openBundle(bundle.encoded, { expected: { sizeBytes: bundle.sizeBytes + 1 } }), {
      code: "bundle_mismatch",
    });
    await assert.rejects(openBundle(bundle.encoded, { expected: { sizeBytes: bundle.sizeBytes - 1 } }), {
      code: "bundle_too_large",
    });
  });

  it("refuses a gzip bomb without unpacking it", async () => {
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024), { level: 9 });
    assert.ok(bomb.length < 100_000);
    const before = process.memoryUsage().arrayBuffers;
    await assert.rejects(openBundle(bomb), { code: "bundle_too_large", status: 413 });
    assert.ok(process.memoryUsage().arrayBuffers - before < 40 * 1024 * 1024);
  });

  it("refuses what is cut off, damaged or something else", async () => {
    const { encoded } = await createBundle(ndjson);
    await assert.rejects(openBundle(encoded.subarray(0, -9)), { code: "bundle_invalid" });
    const damaged = Buffer.from(encoded);
    damaged[15] = (damaged[15] ?? 0) ^ 0xff;
    await assert.rejects(openBundle(damaged), { code: "bundle_invalid" });
    await assert.rejects(openBundle(Buffer.from("no gzip")), { code: "bundle_invalid" });
    await assert.rejects(openBundle(Buffer.alloc(0)), { code: "bundle_invalid" });
    await assert.rejects(openBundle(gzipSync(Buffer.from([0xff, 0xfe]))), { code: "bundle_invalid" });
    await assert.rejects(openBundle(gzipSync("not json\n")), { code: "ndjson_invalid" });
  });

  it("holds the limit of objects", async () => {
    const { encoded } = await createBundle(ndjson);
    await assert.rejects(openBundle(encoded, { limits: { maxObjects: 1 } }), { code: "bundle_too_large" });
  });
});
