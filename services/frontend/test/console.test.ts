import assert from "node:assert/strict";
import { mkdtemp, mkdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { startApi, type ApiFixture } from "./api-fixture.ts";

const page = '<!doctype html><script nonce="RCIOTS_CSP_NONCE" src="/assets/main-1a2b.js"></script>';
const script = "export const answer = 42;\n".repeat(100);

describe("when the console is served", () => {
  let folder: string;
  let api: ApiFixture;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "rciots-console-"));
    await mkdir(join(folder, "assets"));
    await writeFile(join(folder, "index.html"), page);
    await writeFile(join(folder, "assets/main-1a2b.js"), script);
    await writeFile(join(folder, "assets/main-1a2b.js.gz"), gzipSync(script));
    await writeFile(join(folder, "favicon.svg"), "<svg/>");
    api = await startApi({ consoleDir: folder });
  });
  after(async () => {
    await api.stop();
    await rm(folder, { recursive: true });
  });

  it("answers its page at every address of its router, with a nonce of each answer's own", async () => {
    const nonces = new Set<string>();
    for (const path of ["/", "/devices", "/devices/dev_1?tab=events", "/index.html"]) {
      const answer = await fetch(api.url + path);
      const nonce = /nonce="([^"]+)"/.exec(await answer.text())?.[1] ?? "";
      const policy = answer.headers.get("content-security-policy") ?? "";
      assert.ok(policy.includes(`'nonce-${nonce}'`), `${path} ${policy}`);
      assert.match(policy, /default-src 'none'.*script-src 'self'(;|$)/);
      assert.equal(policy.includes("unsafe"), false);
      assert.equal(answer.headers.get("cache-control"), "no-store");
      nonces.add(nonce);
    }
    assert.equal(nonces.size, 4);
  });

  it("lets files with a hash in their name be kept, and sends them compressed", async () => {
    const answer = await fetch(`${api.url}/assets/main-1a2b.js`, { headers: { "accept-encoding": "gzip" } });
    assert.equal(await answer.text(), script);
    assert.equal(answer.headers.get("content-encoding"), "gzip");
    assert.match(answer.headers.get("cache-control") ?? "", /immutable/);
    assert.match(answer.headers.get("content-type") ?? "", /javascript/);
    const icon = await fetch(`${api.url}/favicon.svg`);
    assert.equal(icon.headers.get("cache-control"), "no-cache");
  });

  it("answers what is missing as missing, not with its page", async () => {
    for (const path of [
      "/assets/gone.js",
      "/api/v1/nothing",
      "/robots.txt",
      "/assets/..%2f..%2fpackage.json",
    ]) {
      const answer = await fetch(api.url + path);
      assert.equal(answer.status, 404, path);
      assert.match(answer.headers.get("content-type") ?? "", /problem\+json/, path);
    }
    assert.equal((await fetch(`${api.url}/devices`, { method: "POST" })).status, 404);
  });
});
