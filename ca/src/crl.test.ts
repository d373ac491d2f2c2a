import assert from "node:assert/strict";
import { isCaError } from "./ca-error.ts";
import { createIntermediateCa, createRootCa } from "./certificate-authorities.ts";
import { dayMs } from "./certificate-profile.ts";
import { newSerial } from "./certificate.ts";
import { buildCrl, type RevokedCertificate } from "./crl.ts";
import { issueDeviceCertificate } from "./end-entity.ts";
import { generateKeyPair } from "./key-pair.ts";
import { createOpensslFixture, testIds, type OpensslFixture } from "./openssl.fixture.ts";

const root = createRootCa({ name: "Root" });
const issuer = createIntermediateCa({ root, organizationId: testIds.organization, name: "Devices" });
const { publicKey } = generateKeyPair();
const issue = (deviceId: string) =>
  issueDeviceCertificate({ issuer, organizationId: testIds.organization, deviceId, publicKey });
const nextUpdate = new Date(Date.now() + dayMs);
const build = (entries: Iterable<RevokedCertificate>, number: number | bigint = 1) =>
  buildCrl({ issuer, entries, number, nextUpdate });
const isRefusal = (error: unknown): boolean => isCaError(error) && error.code === "crl_invalid";

describe("revocation lists", () => {
  let openssl: OpensslFixture;
  before(async () => {
    openssl = await createOpensslFixture();
    await openssl.file("root.pem", root.pem);
    await openssl.file("int.pem", issuer.pem);
  });
  after(() => openssl.remove());
  const show = async (pem: string) => {
    await openssl.file("list.pem", pem);
    return openssl.run("crl", "-in", "list.pem", "-CAfile", "int.pem", "-noout", "-text", "-verify");
  };

  describe("when a device is revoked", () => {
    const [revoked, sound] = [issue(testIds.device), issue(testIds.otherDevice)];

    it("OpenSSL refuses it by the list, and nobody else", async () => {
      await openssl.file(
        "list.pem",
        (await build([{ serial: revoked.serial, revokedAt: new Date(), reason: "keyCompromise" }])).pem,
      );
      await openssl.file("revoked.pem", revoked.certificatePem);
      await openssl.file("sound.pem", sound.certificatePem);
      const verify = (leaf: string) =>
        openssl.run(
          "verify",
          "-x509_strict",
          "-crl_check",
          "-CAfile",
          "root.pem",
          "-untrusted",
          "int.pem",
          "-CRLfile",
          "list.pem",
          leaf,
        );
      assert.match(await verify("sound.pem"), /OK/);
      await assert.rejects(verify("revoked.pem"), /certificate revoked/);
    });

    it("shows number, reason, dates and key identifier", async () => {
      const text = await show(
        (
          await build(
            [{ serial: revoked.serial, revokedAt: new Date("2026-01-02T03:04:05Z"), reason: "superseded" }],
            4711,
          )
        ).pem,
      );
      for (const part of [
        /Version 2/,
        /verify OK/,
        /CRL Number:\s+4711/,
        /Superseded/,
        new RegExp(`Serial Number: ${revoked.serial}`),
        /Jan +2 03:04:05 2026 GMT/,
        /Authority Key Identifier/,
      ]) {
        assert.match(text, part);
      }
    });
  });

  describe("when the list is empty", () => {
    it("is valid and leaves the entries out", async () => {
      assert.match(await show((await build([])).pem), /No Revoked Certificates/);
    });
  });

  describe("when every reason is used", () => {
    it("shows each, and none for unspecified", async () => {
      const reasons = [
        "unspecified",
        "keyCompromise",
        "caCompromise",
        "affiliationChanged",
        "superseded",
        "cessationOfOperation",
        "certificateHold",
        "privilegeWithdrawn",
      ] as const;
      const text = await show(
        (
          await build(
            reasons.map((reason) => ({ serial: newSerial().toString("hex"), revokedAt: new Date(), reason })),
          )
        ).pem,
      );
      assert.equal(text.match(/CRL Reason Code/g)?.length, reasons.length - 1);
      for (const name of [
        "Key Compromise",
        "CA Compromise",
        "Affiliation Changed",
        "Superseded",
        "Cessation Of Operation",
        "Certificate Hold",
        "Privilege Withdrawn",
      ])
        assert.ok(text.includes(name), name);
    });
  });

  describe("when a serial is listed twice", () => {
    it("keeps the first, whatever its case", async () => {
      const serial = newSerial().toString("hex");
      assert.equal(
        (
          await build([
            { serial, revokedAt: new Date() },
            { serial: serial.toUpperCase(), revokedAt: new Date() },
          ])
        ).entryCount,
        1,
      );
    });
  });

  describe("when an entry or the frame is wrong", () => {
    it("refuses it", async () => {
      const revokedAt = new Date();
      for (const entry of [
        { serial: "", revokedAt },
        { serial: "abc", revokedAt },
        { serial: "zz", revokedAt },
        { serial: "00".repeat(21), revokedAt },
        { serial: "01", revokedAt: new Date(NaN) },
        { serial: "01", revokedAt, reason: "toString" as "superseded" },
      ]) {
        await assert.rejects(build([entry]), isRefusal, JSON.stringify(entry));
      }
      for (const number of [-1, 1.5, NaN, 1n << 159n])
        await assert.rejects(build([], number), isRefusal, String(number));
      await assert.rejects(buildCrl({ issuer, entries: [], number: 1, nextUpdate: new Date(0) }), isRefusal);
      await assert.rejects(
        buildCrl({ issuer: { ...issuer, canSignCrls: false }, entries: [], number: 1, nextUpdate }),
        isRefusal,
      );
    });
  });

  describe("when the list has 100,000 entries", () => {
    it("OpenSSL reads all of them, and the event loop turned meanwhile", async () => {
      const revokedAt = new Date();
      const entries = Array.from({ length: 100_000 }, () => ({
        serial: newSerial().toString("hex"),
        revokedAt,
        reason: "cessationOfOperation" as const,
      }));
      let turns = 0;
      let isDone = false;
      const count = (): void => {
        turns += 1;
        if (!isDone) setImmediate(count);
      };
      setImmediate(count);
      const list = await build(entries, 1n << 64n);
      isDone = true;
      assert.equal(list.entryCount, 100_000);
      assert.ok(turns >= 40, `${turns} turns`);
      const text = await show(list.pem);
      assert.match(text, /verify OK/);
      assert.equal(text.match(/Serial Number: /g)?.length, 100_000);
    });
  });
});
