import assert from "node:assert/strict";
import { issueServerCertificate } from "../../../ca/src/index.ts";
import { profiles } from "../../../ca/src/certificate-profile.ts";
import { buildCertificate, chooseValidity } from "../../../ca/src/certificate.ts";
import { extension, subjectAltName } from "../../../ca/src/certificate-extensions.ts";
import { generalName } from "../../../ca/src/names.ts";
import { createRandom, mutate } from "../../../ca/src/openssl.fixture.ts";
import { isAppError } from "./app-error.ts";
import { createDeviceVerifier } from "./device-certificate.ts";
import {
  type Forgery,
  device,
  forge,
  intermediate,
  leaf,
  organization,
  otherDevice,
  publicKey,
  refusal,
  root,
  serverCa,
  subjectPublicKeyInfo,
  uri,
  verify,
} from "./device-certificate.fixture.ts";

describe("device certificates from a hostile hand", () => {
  describe("when the certificate is for something else", () => {
    it("refuses a server certificate as a client", () => {
      const server = issueServerCertificate({ issuer: serverCa, publicKey, dnsNames: ["a.example"] });
      assert.throws(() => verify(server.der, [serverCa.der]), refusal("certificate_wrong_usage"));
      assert.throws(() => verify(forge({ profile: profiles.server })), refusal("certificate_wrong_usage"));
    });

    it("refuses missing or wrong key usages", () => {
      assert.throws(
        () => verify(forge({ profile: { ...profiles.device, extendedKeyUsage: [] } })),
        refusal("certificate_wrong_usage"),
      );
      assert.throws(
        () => verify(forge({ profile: { ...profiles.device, keyUsage: ["cRLSign"] } })),
        refusal("certificate_wrong_usage"),
      );
      assert.throws(
        () =>
          verify(forge({ profile: { ...profiles.device, keyUsage: ["digitalSignature", "keyCertSign"] } })),
        refusal("certificate_wrong_usage"),
      );
      assert.throws(
        () => verify(forge({ profile: { ...profiles.device, isCa: true } })),
        refusal("certificate_wrong_usage"),
      );
    });
  });

  describe("when an extension is not what it should be", () => {
    const good = subjectAltName([generalName.uri(uri(organization, device))]);
    const withExtensions = (...extensions: Buffer[]): Buffer =>
      buildCertificate({
        profile: profiles.device,
        subject: { organization, commonName: device },
        subjectPublicKeyInfo,
        validity: chooseValidity({ profile: profiles.device, now: new Date(), issuer: intermediate }),
        extensions,
        issuer: intermediate,
      }).der;

    it("refuses one that occurs twice", () => {
      assert.throws(() => verify(withExtensions(good, good)), refusal("certificate_malformed"));
    });

    it("refuses an unknown one that is critical, and passes over one that is not", () => {
      const unknown = Buffer.from("06032a0304", "hex");
      const value = Buffer.from("0500", "hex");
      assert.throws(
        () => verify(withExtensions(good, extension(unknown, value, { critical: true }))),
        refusal("certificate_malformed"),
      );
      assert.equal(verify(withExtensions(good, extension(unknown, value))).deviceId, device);
    });
  });

  describe("when the name is spoofed", () => {
    const good = generalName.uri(uri(organization, device));
    const cases: [string, Forgery][] = [
      ["no alternative name", { names: [] }],
      ["two device URIs", { names: [good, generalName.uri(uri(organization, otherDevice))] }],
      ["a DNS name beside it", { names: [good, generalName.dns("a.example")] }],
      ["another device in the common name", { commonName: otherDevice, names: [good] }],
      ["the text as a DNS name", { names: [generalName.dns(uri(organization, device))] }],
      ["another scheme", { names: [generalName.uri(`https://org/${organization}/device/${device}`)] }],
      ["a longer path", { names: [generalName.uri(`${uri(organization, device)}/x`)] }],
      ["a line break at the end", { names: [generalName.uri(`${uri(organization, device)}\n`)] }],
      ["a NUL inside", { names: [generalName.uri(`${uri(organization, device)}\0/device/${otherDevice}`)] }],
      ["an upper-case scheme", { names: [generalName.uri(uri(organization, device).toUpperCase())] }],
      ["the name of the organisation only", { names: [generalName.uri(`rciots://org/${organization}`)] }],
      ["ids of another form", { commonName: "dev_1", names: [generalName.uri(uri(organization, "dev_1"))] }],
    ];
    for (const [name, forgery] of cases) {
      it(`refuses ${name}`, () => {
        assert.throws(() => verify(forge(forgery)), refusal("certificate_bad_name"));
      });
    }
  });

  describe("when the bytes are damaged", () => {
    const seed = Date.now() >>> 0;
    const verifier = createDeviceVerifier({ roots: [root.pem] });

    it("refuses rubbish, the empty, the oversized", () => {
      for (const bytes of [
        "",
        "x",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        Buffer.alloc(0),
        Buffer.alloc(20_000),
        Buffer.concat([leaf.der, Buffer.alloc(1)]),
        leaf.der.subarray(0, -1),
      ]) {
        assert.throws(() => verify(bytes), refusal("certificate_malformed"));
      }
      const padded = Buffer.concat([leaf.der.subarray(0, 1), Buffer.from([0x83, 0]), leaf.der.subarray(2)]);
      assert.throws(() => verify(padded), refusal("certificate_malformed"));
      assert.throws(() => verify(leaf.der, [Buffer.from("rubbish")]), refusal("certificate_malformed"));
    });

    it("refuses each of 6,000 damaged leaves with an error of its own", () => {
      const random = createRandom(seed);
      verifier.verify({ leaf: leaf.der, intermediates: [intermediate.der] });
      for (let count = 0; count < 6_000; count += 1) {
        const mutated = mutate(leaf.der, random);
        if (mutated.equals(leaf.der)) continue;
        assert.throws(
          () => verifier.verify({ leaf: mutated, intermediates: [intermediate.der] }),
          isAppError,
          `seed ${seed}: ${mutated.toString("hex")}`,
        );
      }
    });

    it("refuses each of 2,000 damaged intermediates", () => {
      const random = createRandom(seed + 1);
      for (let count = 0; count < 2_000; count += 1) {
        const mutated = mutate(intermediate.der, random);
        if (mutated.equals(intermediate.der)) continue;
        assert.throws(
          () => verify(leaf.der, [mutated]),
          isAppError,
          `seed ${seed + 1}: ${mutated.toString("hex")}`,
        );
      }
    });
  });
});
