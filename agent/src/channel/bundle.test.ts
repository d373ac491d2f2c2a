import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import { AppError } from "@rciots/runtime";
import { createMemoryStateStore } from "../reconcile/state-store.ts";
import { decodeBundle, type OfferedBundle } from "./bundle-decode.ts";
import { resumeDownload } from "./bundle-download.ts";
import type { Caller } from "./report-outbox.ts";

const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");
const configMap = (name: string) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name } });

function bundleOf(
  decoded: Buffer,
  change: Partial<OfferedBundle> = {},
): { encoded: Buffer; offered: OfferedBundle } {
  const encoded = gzipSync(decoded);
  const offered: OfferedBundle = {
    kind: "bundle",
    revision: 1,
    digest: sha256(decoded),
    encodedDigest: sha256(encoded),
    encodedBytes: encoded.length,
    decodedBytes: decoded.length,
    objectCount: 1,
    deadlineMs: 60_000,
    ...change,
  };
  return { encoded, offered };
}
const lines = (...objects: unknown[]): Buffer =>
  Buffer.from(objects.map((object) => `${JSON.stringify(object)}\n`).join(""));

describe("when a bundle is decoded", () => {
  it("gives its objects, with and without a newline at the end", async () => {
    const { encoded, offered } = bundleOf(lines(configMap("one"), configMap("two")), { objectCount: 2 });
    assert.deepEqual(await decodeBundle(encoded, offered), [configMap("one"), configMap("two")]);
    const bare = bundleOf(Buffer.from(JSON.stringify(configMap("one"))));
    assert.deepEqual(await decodeBundle(bare.encoded, bare.offered), [configMap("one")]);
  });

  it("gives nothing for an empty one", async () => {
    const { encoded, offered } = bundleOf(Buffer.alloc(0), { objectCount: 0 });
    assert.deepEqual(await decodeBundle(encoded, offered), []);
  });

  it("refuses bytes that are not those announced", async () => {
    const { encoded, offered } = bundleOf(lines(configMap("one")));
    const spoiled = Buffer.from(encoded);
    spoiled[spoiled.length - 9] = (spoiled[spoiled.length - 9] ?? 0) ^ 1;
    await assert.rejects(decodeBundle(spoiled, offered), { code: "bundle_corrupt" });
    await assert.rejects(decodeBundle(encoded, { ...offered, digest: "0".repeat(64) }), {
      code: "bundle_corrupt",
    });
  });

  it("does not unpack more than was announced", async () => {
    const { encoded, offered } = bundleOf(Buffer.alloc(8 * 1_048_576, " "), { decodedBytes: 1_000 });
    await assert.rejects(decodeBundle(encoded, offered), { code: "bundle_invalid", message: /1000 bytes/ });
  });

  const broken: [string, Buffer, RegExp][] = [
    ["a line that is not JSON", Buffer.from('{"apiVersion":\n'), /line 1 is not JSON/],
    ["a line that is no object", lines(configMap("one"), 7), /line 2 has no apiVersion/],
    ["an object without a name", lines({ apiVersion: "v1", kind: "A", metadata: {} }), /line 1 has no/],
    ["a null", lines(null), /line 1 has no/],
    ["another number of objects", lines(configMap("one"), configMap("two")), /2 objects, not 1/],
  ];
  for (const [what, decoded, message] of broken) {
    it(`refuses ${what}`, async () => {
      const { encoded, offered } = bundleOf(decoded);
      await assert.rejects(decodeBundle(encoded, offered), { code: "bundle_invalid", message });
    });
  }
});

describe("when a bundle is fetched", () => {
  const encoded = randomBytes(3_500_000);
  const { offered } = bundleOf(encoded);
  const offer: OfferedBundle = { ...offered, encodedDigest: sha256(encoded), encodedBytes: encoded.length };
  const never = new AbortController().signal;

  /** Serves until `failAfter` calls were made, then is gone. */
  function createServer(failAfter = Number.POSITIVE_INFINITY) {
    const offsets: number[] = [];
    const caller: Caller = {
      call: async (_event, payload) => {
        const { offset, length } = payload as { offset: number; length: number };
        if (offsets.length >= failAfter)
          throw new AppError({ code: "session_ended", status: 503, message: "over" });
        offsets.push(offset);
        return encoded.subarray(offset, offset + length) as never;
      },
    };
    return { caller, offsets };
  }

  it("arrives whole", async () => {
    const download = await resumeDownload(offer, createMemoryStateStore());
    assert.ok((await download.run(createServer().caller, never)).equals(encoded));
  });

  it("goes on in the next session where the last one broke off", async () => {
    const download = await resumeDownload(offer, createMemoryStateStore());
    const first = createServer(5);
    await assert.rejects(download.run(first.caller, never), { code: "session_ended" });
    const had = download.receivedBytes;
    assert.ok(had > 0);
    const second = createServer();
    assert.ok((await download.run(second.caller, never)).equals(encoded));
    assert.equal(second.offsets[0], had);
  });

  it("goes on after a restart from the last whole part", async () => {
    const store = createMemoryStateStore();
    await assert.rejects((await resumeDownload(offer, store)).run(createServer(12).caller, never));
    const resumed = await resumeDownload(offer, store);
    assert.equal(resumed.receivedBytes, 2 * 1_048_576);
    const server = createServer();
    assert.ok((await resumed.run(server.caller, never)).equals(encoded));
    assert.equal(server.offsets[0], 2 * 1_048_576);
  });

  it("throws the parts of another bundle away", async () => {
    const store = createMemoryStateStore();
    await assert.rejects((await resumeDownload(offer, store)).run(createServer(12).caller, never));
    await resumeDownload({ ...offer, encodedDigest: "1".repeat(64) }, store);
    assert.deepEqual(await store.list(), []);
  });

  it("stops when a newer one takes its place", async () => {
    const newer = new AbortController();
    const server = createServer();
    const download = await resumeDownload(offer, createMemoryStateStore());
    const call = server.caller.call.bind(server.caller);
    server.caller.call = (event, payload) => {
      if (server.offsets.length === 2) newer.abort();
      return call(event, payload);
    };
    await assert.rejects(download.run(server.caller, newer.signal), { name: "AbortError" });
    assert.equal(server.offsets.length, 3);
  });

  it("does not go on for ever where the platform sends nothing", async () => {
    const download = await resumeDownload(offer, createMemoryStateStore());
    const caller: Caller = { call: async () => new Uint8Array() as never };
    await assert.rejects(download.run(caller, never), { code: "bad_answer" });
  });
});
