import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { createIntermediateCa, createRootCa, createServerCa } from "./certificate-authorities.ts";
import { createCsr } from "./csr-writer.ts";
import { issueDeviceCertificate, issueServerCertificate } from "./end-entity.ts";
import { isCaError, type CaErrorCode } from "./ca-error.ts";
import { generateKeyPair } from "./key-pair.ts";
import { createOpensslFixture, testIds, type OpensslFixture } from "./openssl.fixture.ts";

const refusal = (code: CaErrorCode) => (error: unknown) => isCaError(error) && error.code === code;
const { organization, otherOrganization, device } = testIds;

const root = createRootCa({ name: "RCIoTS root" });
const intermediate = createIntermediateCa({ root, organizationId: organization, name: "Devices" });
const serverCa = createServerCa({ root, name: "Servers" });
const { privateKey, publicKey } = generateKeyPair();
const csr = createCsr({ privateKey, commonName: "ignored" });
const issueServer = (names: { dnsNames: string[]; ipAddresses?: string[] }) =>
  issueServerCertificate({ issuer: serverCa, publicKey, ...names });

describe("names of certificates", () => {
  let openssl: OpensslFixture;
  before(async () => {
    openssl = await createOpensslFixture();
    await openssl.file("root.pem", root.pem);
    await openssl.file("srv-ca.pem", serverCa.pem);
  });
  after(() => openssl.remove());

  const verify = (untrusted: string, leaf: string, ...options: string[]) =>
    openssl.run("verify", "-x509_strict", "-CAfile", "root.pem", "-untrusted", untrusted, ...options, leaf);

  describe("when names are hostile", () => {
    it("refuses ids of another form", () => {
      const bad = [
        "",
        "dev_",
        `${device}0`,
        `${device}\n`,
        device.toLowerCase(),
        `${device.slice(0, -1)}I`,
        "dev_../../../../../../../../../x",
        `${device}/device/x`,
        `DEV${device.slice(3)}`,
      ];
      for (const deviceId of bad) {
        assert.throws(
          () => issueDeviceCertificate({ issuer: intermediate, organizationId: organization, deviceId, csr }),
          refusal("name_invalid"),
          deviceId,
        );
      }
      assert.throws(
        () => createIntermediateCa({ root, organizationId: "org_x", name: "I" }),
        refusal("name_invalid"),
      );
    });

    it("refuses an organisation that is not the intermediate's, and crossed purposes", () => {
      const options = { organizationId: otherOrganization, deviceId: device, csr };
      assert.throws(
        () => issueDeviceCertificate({ ...options, issuer: intermediate }),
        refusal("issuer_wrong_organisation"),
      );
      assert.throws(
        () => issueDeviceCertificate({ ...options, issuer: serverCa }),
        refusal("issuer_wrong_organisation"),
      );
      assert.throws(
        () => issueServerCertificate({ issuer: intermediate, publicKey, dnsNames: ["a.example"] }),
        refusal("issuer_wrong_organisation"),
      );
    });

    it("refuses bad server names, and none or too many", () => {
      for (const name of [
        "",
        ".",
        "a..b",
        "-a.example",
        "a-.example",
        "a b",
        "a_b.example",
        "*",
        "*.com.",
        "a.*.example",
        "127.0.0.1",
        `${"a".repeat(64)}.example`,
        `${"a.".repeat(130)}b`,
        "bücher.example",
        "a\0.example",
      ]) {
        assert.throws(() => issueServer({ dnsNames: [name] }), refusal("name_invalid"), name);
      }
      for (const address of ["", "1.2.3", "1.2.3.4.5", "::1%eth0", "edge.example.com", "[::1]"]) {
        assert.throws(
          () => issueServer({ dnsNames: [], ipAddresses: [address] }),
          refusal("name_invalid"),
          address,
        );
      }
      assert.throws(() => issueServer({ dnsNames: [] }), refusal("name_invalid"));
      assert.throws(
        () => issueServer({ dnsNames: Array.from({ length: 101 }, (_, index) => `a${index}.example`) }),
        refusal("name_invalid"),
      );
      assert.throws(() => createRootCa({ name: "a\nb" }), refusal("name_invalid"));
      assert.throws(() => createRootCa({ name: "" }), refusal("name_invalid"));
      for (const url of ["ftp://a/b", "http://a b/", "javascript:1", `http://a/${"a".repeat(1001)}`]) {
        assert.throws(
          () =>
            issueDeviceCertificate({
              issuer: intermediate,
              organizationId: organization,
              deviceId: device,
              csr,
              crlUrl: url,
            }),
          refusal("name_invalid"),
          url,
        );
      }
    });

    it("writes every form of IP address as its bytes", () => {
      const parsed = new X509Certificate(
        issueServer({
          dnsNames: ["localhost"],
          ipAddresses: ["127.0.0.1", "::1", "::", "fe80::1:2", "::ffff:192.0.2.1", "2001:db8:1:2:3:4:5:6"],
        }).certificatePem,
      );
      const expected = [
        "DNS:localhost",
        "IP Address:127.0.0.1",
        "IP Address:0:0:0:0:0:0:0:1",
        "IP Address:0:0:0:0:0:0:0:0",
        "IP Address:FE80:0:0:0:0:0:1:2",
        "IP Address:0:0:0:0:0:FFFF:C000:201",
        "IP Address:2001:DB8:1:2:3:4:5:6",
      ];
      assert.equal(parsed.subjectAltName, expected.join(", "));
    });

    it("marks the alternative names critical where no common name fits", async () => {
      const long = `${"a".repeat(60)}.${"b".repeat(60)}.example`;
      await openssl.file("long.pem", issueServer({ dnsNames: [long] }).certificatePem);
      assert.match(
        await openssl.run("x509", "-in", "long.pem", "-noout", "-text"),
        /Alternative Name: critical/,
      );
      assert.match(await verify("srv-ca.pem", "long.pem", "-verify_hostname", long), /OK/);
    });
  });
});
