import assert from "node:assert/strict";
import { createPrivateKey } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createIntermediateCa, createRootCa } from "./certificate-authorities.ts";
import { createCsr } from "./csr-writer.ts";
import { issueDeviceCertificate } from "./end-entity.ts";
import { isCaError, type CaErrorCode } from "./ca-error.ts";
import { createIssuer, loadCaCertificate } from "./issuer.ts";
import { generateKeyPair } from "./key-pair.ts";
import { createOpensslFixture, testIds, type OpensslFixture } from "./openssl.fixture.ts";

const refusal = (code: CaErrorCode) => (error: unknown) => isCaError(error) && error.code === code;
const { organization, device } = testIds;

const root = createRootCa({ name: "RCIoTS root" });
const intermediate = createIntermediateCa({ root, organizationId: organization, name: "Devices" });
const { privateKey } = generateKeyPair();
const csr = createCsr({ privateKey, commonName: "ignored" });
const issueDevice = () =>
  issueDeviceCertificate({ issuer: intermediate, organizationId: organization, deviceId: device, csr });
describe("issuers", () => {
  let openssl: OpensslFixture;
  before(async () => {
    openssl = await createOpensslFixture();
  });
  after(() => openssl.remove());

  describe("when a CA certificate is loaded", () => {
    it("reads what it wrote, and joins it with its key only", () => {
      const { privateKey: key, ...expected } = intermediate;
      assert.deepEqual(loadCaCertificate(intermediate.pem), expected);
      assert.equal(createIssuer(intermediate.pem, key).fingerprint, intermediate.fingerprint);
      assert.throws(
        () => createIssuer(intermediate.pem, generateKeyPair().privateKey),
        refusal("issuer_key_mismatch"),
      );
      assert.equal(loadCaCertificate(root.pem).organizationId, undefined);
    });

    it("refuses a leaf and rubbish", async () => {
      assert.throws(() => loadCaCertificate(issueDevice().certificatePem), refusal("issuer_not_a_ca"));
      for (const text of ["", "rubbish", root.pem.slice(0, 200)])
        assert.throws(() => loadCaCertificate(text), refusal("certificate_malformed"));
    });

    it("takes an operator's own root made by OpenSSL, with P-384 and with RSA", async () => {
      for (const key of [["ec", "-pkeyopt", "ec_paramgen_curve:P-384"], ["rsa:2048"]]) {
        await openssl.run(
          "req",
          "-x509",
          "-newkey",
          ...key,
          "-nodes",
          "-keyout",
          "own.key",
          "-out",
          "own.pem",
          "-subj",
          "/CN=Own",
          "-days",
          "3650",
          "-addext",
          "keyUsage=critical,keyCertSign,cRLSign",
        );
        const own = createIssuer(
          await readFile(`${openssl.folder}/own.pem`, "utf8"),
          createPrivateKey(await readFile(`${openssl.folder}/own.key`)),
        );
        const below = createIntermediateCa({ root: own, organizationId: organization, name: "Devices" });
        await openssl.file("own-int.pem", below.pem);
        await openssl.file(
          "own-dev.pem",
          issueDeviceCertificate({ issuer: below, organizationId: organization, deviceId: device, csr })
            .certificatePem,
        );
        assert.match(
          await openssl.run(
            "verify",
            "-x509_strict",
            "-CAfile",
            "own.pem",
            "-untrusted",
            "own-int.pem",
            "-purpose",
            "sslclient",
            "own-dev.pem",
          ),
          /OK/,
        );
      }
    });
  });
});
