import assert from "node:assert/strict";
import { gunzipSync, gzipSync } from "node:zlib";
import { compress, decompress } from "./gzip.ts";

const texts = { small: "a small text", large: "0123456789abcdef".repeat(4_096) };

describe("when texts are compressed", () => {
  for (const [size, text] of Object.entries(texts)) {
    it(`makes gzip of a ${size} one, and unpacks it within its bound`, async () => {
      const encoded = await compress(text);
      assert.equal(gunzipSync(encoded).toString("utf8"), text);
      const decoded = await decompress(encoded, { maxOutputLength: text.length });
      assert.equal(decoded.toString("utf8"), text);
    });

    it(`refuses a ${size} one that unpacks to more than its bound`, async () => {
      await assert.rejects(decompress(gzipSync(text), { maxOutputLength: text.length - 1 }), {
        code: "ERR_BUFFER_TOO_LARGE",
      });
    });

    it(`refuses a ${size} one that was damaged`, async () => {
      const encoded = gzipSync(text);
      encoded[encoded.length - 6] = (encoded.at(-6) ?? 0) ^ 1;
      await assert.rejects(decompress(encoded, { maxOutputLength: text.length }), { code: "Z_DATA_ERROR" });
    });
  }
});
