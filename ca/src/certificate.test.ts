import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { isCaError, type CaErrorCode } from "./ca-error.ts";
import { createIntermediateCa, createRootCa, createServerCa } from "./certificate-authorities.ts";
import { backdateMs, dayMs, profiles, yearMs } from "./certificate-profile.ts";
import { buildCertificate, chooseValidity, newSerial } from "./certificate.ts";
import { createCsr } from "./csr-writer.ts";
import { readDer, splitSequence } from "./der-reader.ts";
import { issueDeviceCertificate, issueServerCertificate } from "./end-entity.ts";
import { generateKeyPair } from "./key-pair.ts";
import {
  createOpensslFixture,
  findZlint,
  runProgram,
  testIds,
  type OpensslFixture,
} from "./openssl.fixture.ts";
import { checkKeyObject } from "./public-key.policy.ts";

const refusal = (code: CaErrorCode) => (error: unknown) => isCaError(error) && error.code === code;
const { organization, otherOrganization, device } = testIds;
const uri = `rciots://org/${organization}/device/${device}`;

const root = createRootCa({ name: "RCIoTS root" });
const intermediate = createIntermediateCa({ root, organizationId: organization, name: "Devices" });
const serverCa = createServerCa({ root, name: "Servers" });
const { privateKey, publicKey } = generateKeyPair();
const csr = createCsr({ privateKey, commonName: "ignored" });
const crlUrl = "http://crl.example.com/devices.crl";
const issueDevice = () =>
  issueDeviceCertificate({
    issuer: intermediate,
    organizationId: organization,
    deviceId: device,
    csr,
    crlUrl,
  });
const issueServer = (names: { dnsNames: string[]; ipAddresses?: string[] }) =>
  issueServerCertificate({ issuer: serverCa, publicKey, ...names });

describe("certificates", () => {
  let openssl: OpensslFixture;
  before(async () => {
    openssl = await createOpensslFixture();
    await openssl.file("root.pem", root.pem);
    await openssl.file("int.pem", intermediate.pem);
    await openssl.file("srv-ca.pem", serverCa.pem);
    await openssl.file("dev.pem", issueDevice().certificatePem);
    await openssl.file(
      "srv.pem",
      issueServer({
        dnsNames: ["edge.example.com", "*.edge.example.com"],
        ipAddresses: ["198.51.100.7", "2001:db8::7"],
      }).certificatePem,
    );
  });
  after(() => openssl.remove());
  const verify = (untrusted: string, leaf: string, ...options: string[]) =>
    openssl.run("verify", "-x509_strict", "-CAfile", "root.pem", "-untrusted", untrusted, ...options, leaf);

  describe("when OpenSSL judges them", () => {
    it("accepts a device as a TLS client only", async () => {
      assert.match(await verify("int.pem", "dev.pem", "-purpose", "sslclient"), /dev.pem: OK/);
      await assert.rejects(
        verify("int.pem", "dev.pem", "-purpose", "sslserver"),
        /unsuitable certificate purpose|unsupported certificate purpose/,
      );
    });

    it("accepts a server as a TLS server only, under its names", async () => {
      for (const option of [
        ["-verify_hostname", "edge.example.com"],
        ["-verify_hostname", "a.edge.example.com"],
        ["-verify_ip", "198.51.100.7"],
        ["-verify_ip", "2001:db8::7"],
      ]) {
        assert.match(
          await verify("srv-ca.pem", "srv.pem", "-purpose", "sslserver", ...option),
          /srv.pem: OK/,
        );
      }
      await assert.rejects(
        verify("srv-ca.pem", "srv.pem", "-verify_hostname", "other.example.com"),
        /hostname mismatch/i,
      );
      await assert.rejects(verify("srv-ca.pem", "srv.pem", "-purpose", "sslclient"), /certificate purpose/);
    });

    it("refuses a device of another organisation below the intermediate (name constraint)", async () => {
      const foreign = buildCertificate({
        profile: profiles.device,
        subject: { organization: otherOrganization, commonName: device },
        subjectPublicKeyInfo: checkKeyObject(publicKey).subjectPublicKeyInfo,
        validity: chooseValidity({ profile: profiles.device, now: new Date(), issuer: intermediate }),
        issuer: intermediate,
      });
      await openssl.file("foreign.pem", foreign.certificatePem);
      await assert.rejects(verify("int.pem", "foreign.pem"), /permitted subtree violation/);
    });

    it("refuses a server certificate below an organisation's intermediate", async () => {
      // The façade refuses to make one; a stolen intermediate key would not ask.
      const forged = issueServerCertificate({
        issuer: { ...intermediate, organizationId: undefined },
        publicKey,
        dnsNames: ["edge.example.com"],
      });
      await openssl.file("forged.pem", forged.certificatePem);
      await assert.rejects(
        verify("int.pem", "forged.pem", "-purpose", "sslserver"),
        /subtree violation|certificate purpose/,
      );
      await assert.rejects(verify("int.pem", "forged.pem"), /subtree violation/);
    });

    it("refuses a CA below an intermediate (path length)", async () => {
      const below = createIntermediateCa({
        root: { ...intermediate, pathLength: undefined },
        organizationId: organization,
        name: "Below",
      });
      const leaf = issueDeviceCertificate({
        issuer: below,
        organizationId: organization,
        deviceId: device,
        publicKey,
      });
      await openssl.file("chain.pem", below.pem + intermediate.pem);
      await openssl.file("deep.pem", leaf.certificatePem);
      await assert.rejects(verify("chain.pem", "deep.pem"), /path length constraint exceeded/);
      assert.throws(
        () => createIntermediateCa({ root: intermediate, organizationId: organization, name: "Below" }),
        refusal("issuer_path_length"),
      );
    });

    it("shows the device profile", async () => {
      const text = await openssl.run("x509", "-in", "dev.pem", "-noout", "-text");
      for (const part of [
        /Subject: O ?= ?org_01J8ZQ4N6W3T5V7X9YABCDEFGA, CN ?= ?dev_01J8ZQ4N6W3T5V7X9YABCDEFGC/,
        /Basic Constraints: critical\s+CA:FALSE/,
        /Key Usage: critical\s+Digital Signature\n/,
        /Extended Key Usage:\s+TLS Web Client Authentication\n/,
        new RegExp(`Subject Alternative Name:\\s+URI:${uri}\\n`),
        /Subject Key Identifier:/,
        /Authority Key Identifier:/,
        /CRL Distribution Points:\s+Full Name:\s+URI:http:\/\/crl\.example\.com\/devices\.crl/,
      ]) {
        assert.match(text, part);
      }
      assert.ok(!text.includes("ignored"));
    });

    it("shows the intermediate's profile", async () => {
      const text = await openssl.run("x509", "-in", "int.pem", "-noout", "-text");
      for (const part of [
        /CA:TRUE, pathlen:0/,
        /Certificate Sign, CRL Sign\n/,
        /Name Constraints: critical/,
        /DirName: ?O ?= ?org_01J8ZQ4N6W3T5V7X9YABCDEFGA/,
        new RegExp(`URI:rciots://org/${organization}\\n`),
      ]) {
        assert.match(text, part);
      }
    });

    it("parses the ASN.1 of each without complaint", async () => {
      for (const name of ["root.pem", "int.pem", "srv-ca.pem", "dev.pem", "srv.pem"]) {
        assert.doesNotMatch(await openssl.run("asn1parse", "-in", name, "-i"), /Error|BAD [A-Z]/);
      }
    });
  });

  describe("when zlint judges them", () => {
    it("finds nothing against RFC 5280 but the URI's host", async function () {
      const zlint = findZlint();
      if (zlint === undefined) return this.skip();
      for (const name of ["root.pem", "int.pem", "srv-ca.pem", "dev.pem", "srv.pem"]) {
        const output = await runProgram(
          zlint,
          ["-includeSources", "RFC5280,RFC5480,RFC5891,RFC3279,RFC8813,Community", name],
          openssl.folder,
        );
        const results = JSON.parse(output) as Record<string, { result: string }>;
        const findings = Object.entries(results).filter(([, { result }]) =>
          ["warn", "error", "fatal"].includes(result),
        );
        assert.deepEqual(
          findings.map(([lint]) => lint).filter((lint) => !tolerated.has(lint)),
          [],
          name,
        );
      }
    });
    // "rciots://org/..." names no host on purpose. The other two are advice for public web PKI.
    const tolerated = new Set([
      "e_ext_san_uri_host_not_fqdn_or_ip",
      "w_ext_subject_key_identifier_not_recommended_subscriber",
      "n_subject_common_name_included",
    ]);
  });

  describe("when their DER is read strictly", () => {
    for (const [name, der] of [
      ["root", root.der],
      ["intermediate", intermediate.der],
      ["device", issueDevice().der],
      ["server", issueServer({ dnsNames: ["a.example"] }).der],
    ] as const) {
      it(`is canonical, of version 3, with a 20-byte positive serial, and no extension empty or twice (${name})`, () => {
        const [signed, algorithm] = readDer(der).children;
        assert.ok(signed && algorithm);
        const [version, serial, innerAlgorithm, , validity] = signed.children;
        assert.equal(version?.children[0]?.value.toString("hex"), "02");
        assert.equal(serial?.value.length, 20);
        assert.ok(serial.value.readUInt8(0) >= 0x40 && serial.value.readUInt8(0) < 0x80);
        assert.deepEqual(innerAlgorithm, algorithm);
        for (const time of validity?.children ?? [])
          assert.match(`${time.tag}:${time.value.toString("latin1")}`, /^23:\d{12}Z$/);
        const extensions = signed.children.at(-1)?.children[0]?.children ?? [];
        const names = extensions.map((extension) => extension.children[0]?.value.toString("hex"));
        assert.equal(new Set(names).size, names.length);
        for (const extension of extensions) {
          // A critical flag is there when true only: DER leaves defaults out.
          if (extension.children.length === 3)
            assert.equal(extension.children[1]?.value.toString("hex"), "ff");
          assert.ok(readDer(extension.children.at(-1)?.value ?? Buffer.alloc(0)));
        }
      });
    }

    it("writes dates from 2050 on as GeneralizedTime, and OpenSSL and Node.js read them", async () => {
      const late = createRootCa({ name: "Late", now: new Date("2049-06-01T00:00:00Z") });
      const [notBefore, notAfter] = readDer(late.der).children[0]?.children[4]?.children ?? [];
      assert.deepEqual([notBefore?.tag, notAfter?.tag], [0x17, 0x18]);
      await openssl.file("late.pem", late.pem);
      assert.match(await openssl.run("x509", "-in", "late.pem", "-noout", "-enddate"), /2069 GMT/);
      assert.equal(late.notAfter.toISOString(), "2069-05-27T00:00:00.000Z");
    });
  });

  describe("when dates are chosen", () => {
    const now = new Date();
    const sameSecond = (date: Date, ms: number) => assert.equal(date.getTime(), Math.floor(ms / 1000) * 1000);

    it("starts five minutes back and lives as long as the profile says", () => {
      const fresh = createRootCa({ name: "R", now });
      sameSecond(fresh.notBefore, now.getTime() - backdateMs);
      sameSecond(fresh.notAfter, now.getTime() + 20 * yearMs);
      assert.equal(profiles.organizationCa.lifetimeMs, 5 * yearMs);
      sameSecond(
        issueDeviceCertificate({
          issuer: createIntermediateCa({ root: fresh, organizationId: organization, name: "I", now }),
          organizationId: organization,
          deviceId: device,
          csr,
          now,
        }).notAfter,
        now.getTime() + 90 * dayMs,
      );
    });

    it("never outlives nor precedes the issuer", () => {
      const short = createIntermediateCa({
        root,
        organizationId: organization,
        name: "Short",
        validityMs: dayMs,
      });
      const leaf = issueDeviceCertificate({
        issuer: short,
        organizationId: organization,
        deviceId: device,
        csr,
      });
      assert.equal(leaf.notAfter.getTime(), short.notAfter.getTime());
      assert.ok(leaf.notBefore >= short.notBefore);
      assert.ok(short.notBefore >= root.notBefore && short.notAfter <= root.notAfter);
    });

    it("agrees with what the certificate says", () => {
      const leaf = issueDevice();
      const parsed = new X509Certificate(leaf.certificatePem);
      assert.equal(new Date(parsed.validTo).getTime(), leaf.notAfter.getTime());
      assert.equal(new Date(parsed.validFrom).getTime(), leaf.notBefore.getTime());
      assert.equal(parsed.serialNumber, leaf.serial);
      assert.equal(parsed.fingerprint256.replaceAll(":", "").toLowerCase(), leaf.fingerprint);
    });

    it("refuses an expired issuer and silly lengths", () => {
      const options = { issuer: intermediate, organizationId: organization, deviceId: device, csr };
      assert.throws(
        () => issueDeviceCertificate({ ...options, now: new Date(intermediate.notAfter.getTime() + 1000) }),
        refusal("issuer_expired"),
      );
      assert.throws(
        () => issueDeviceCertificate({ ...options, now: new Date(intermediate.notBefore.getTime() - 1000) }),
        refusal("issuer_expired"),
      );
      for (const validityMs of [0, -1, NaN, Infinity, 900 * dayMs]) {
        assert.throws(() => issueDeviceCertificate({ ...options, validityMs }), refusal("validity_invalid"));
      }
    });
  });

  describe("when serials are drawn", () => {
    it("never repeats one, nor its length", () => {
      const serials = new Set(Array.from({ length: 5_000 }, () => newSerial().toString("hex")));
      assert.equal(serials.size, 5_000);
      for (const serial of serials) assert.match(serial, /^[4-7][0-9a-f]{39}$/);
    });
  });

  describe("when a certificate is split for signing", () => {
    it("gives the signed bytes back exactly", () => {
      const { der } = issueDevice();
      assert.equal(Buffer.concat(splitSequence(der)).length, der.length - 4);
    });
  });
});
