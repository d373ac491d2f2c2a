import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { createCertificateRequest, createDeviceKey, publicKeyOf } from "./certificate-request.ts";

const run = promisify(execFile);

describe("when a device makes its certificate request", () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "rciots-csr-"));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  async function openssl(csr: string, ...options: string[]): Promise<string> {
    const file = join(folder, "request.pem");
    await writeFile(file, csr);
    const { stdout, stderr } = await run("openssl", ["req", "-in", file, "-noout", ...options]);
    return stdout + stderr;
  }

  it("is one that OpenSSL verifies, with the name and a P-256 key", async () => {
    const csr = createCertificateRequest({ privateKey: await createDeviceKey(), name: "edge-07" });
    assert.match(await openssl(csr, "-verify"), /verify OK/);
    assert.match(await openssl(csr, "-subject"), /CN\s*=\s*edge-07/);
    const text = await openssl(csr, "-text");
    assert.match(text, /ASN1 OID: prime256v1/);
    assert.match(text, /Signature Algorithm: ecdsa-with-SHA256/);
  });

  it("holds for the longest name, whose lengths take more than one byte", async () => {
    const csr = createCertificateRequest({ privateKey: await createDeviceKey(), name: "a".repeat(63) });
    assert.match(await openssl(csr, "-verify"), /verify OK/);
  });

  it("is refused by OpenSSL once a byte of it was changed", async () => {
    const csr = createCertificateRequest({ privateKey: await createDeviceKey(), name: "edge-07" });
    const der = Buffer.from(csr.replace(/-----[^-]+-----|\n/g, ""), "base64");
    const at = der.indexOf("edge-07");
    der[at] = "f".charCodeAt(0);
    const spoiled = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString("base64")}\n-----END CERTIFICATE REQUEST-----\n`;
    const outcome = await openssl(spoiled, "-verify").catch((error: unknown) => String(error));
    assert.doesNotMatch(outcome, /verify OK/);
  });

  it("is made anew with each key", async () => {
    const [one, other] = [await createDeviceKey(), await createDeviceKey()];
    assert.notDeepEqual(publicKeyOf(one), publicKeyOf(other));
    assert.match(one, /^-----BEGIN PRIVATE KEY-----/);
  });
});
