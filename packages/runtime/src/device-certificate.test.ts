import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import {
  createIntermediateCa,
  createIssuer,
  createRootCa,
  generateKeyPair,
  issueDeviceCertificate,
} from "../../../ca/src/index.ts";
import { profiles } from "../../../ca/src/certificate-profile.ts";
import { buildCertificate, chooseValidity } from "../../../ca/src/certificate.ts";
import { subjectAltName } from "../../../ca/src/certificate-extensions.ts";
import { generalName } from "../../../ca/src/names.ts";
import { createDeviceVerifier, verifyDeviceChain } from "./device-certificate.ts";
import {
  dayMs,
  device,
  forge,
  intermediate,
  leaf,
  leafAsIssuer,
  organization,
  otherDevice,
  otherIntermediate,
  otherOrganization,
  publicKey,
  refusal,
  root,
  serverCa,
  subjectPublicKeyInfo,
  uri,
  verify,
} from "./device-certificate.fixture.ts";

describe("device certificates", () => {
  describe("when the chain is sound", () => {
    const expected = {
      organizationId: organization,
      deviceId: device,
      serial: leaf.serial,
      issuerId: intermediate.fingerprint,
      fingerprint: leaf.fingerprint,
      notBefore: leaf.notBefore,
      notAfter: leaf.notAfter,
    };

    it("tells who it is, from DER and from PEM", () => {
      assert.deepEqual(verify(leaf.der), expected);
      assert.deepEqual(verify(leaf.certificatePem, [intermediate.pem]), expected);
      assert.equal(expected.serial, new X509Certificate(leaf.der).serialNumber);
    });

    it("finds the issuer among others", () => {
      assert.deepEqual(
        verify(leaf.der, [otherIntermediate.der, serverCa.der, root.der, intermediate.der]),
        expected,
      );
    });

    it("accepts a P-384 chain", () => {
      const strongRoot = createRootCa({ name: "Root", curve: "P-384" });
      const strong = createIntermediateCa({
        root: strongRoot,
        organizationId: organization,
        name: "Devices",
        curve: "P-384",
      });
      const strongLeaf = issueDeviceCertificate({
        issuer: strong,
        organizationId: organization,
        deviceId: device,
        publicKey,
      });
      assert.equal(
        verifyDeviceChain({ leaf: strongLeaf.der, intermediates: [strong.der], root: strongRoot.pem })
          .deviceId,
        device,
      );
    });

    it("accepts every root while the root changes", () => {
      const next = createRootCa({ name: "Next" });
      const below = createIntermediateCa({ root: next, organizationId: organization, name: "Devices" });
      const fresh = issueDeviceCertificate({
        issuer: below,
        organizationId: organization,
        deviceId: device,
        publicKey,
      });
      const verifier = createDeviceVerifier({ roots: [root.pem, next.pem] });
      assert.equal(
        verifier.verify({ leaf: leaf.der, intermediates: [intermediate.der] }).issuerId,
        intermediate.fingerprint,
      );
      assert.equal(
        verifier.verify({ leaf: fresh.der, intermediates: [below.der] }).issuerId,
        below.fingerprint,
      );
    });
  });

  describe("when the time is wrong", () => {
    const at = (ms: number) => () => verify(leaf.der, [intermediate.der], new Date(ms));

    it("is exact to the second at both ends", () => {
      assert.ok(at(leaf.notAfter.getTime())());
      assert.ok(at(leaf.notBefore.getTime())());
      assert.throws(at(leaf.notAfter.getTime() + 1), refusal("certificate_expired"));
      assert.throws(at(leaf.notBefore.getTime() - 1), refusal("certificate_not_yet_valid"));
    });

    it("refuses an expired intermediate, also one that is remembered", () => {
      const short = createIntermediateCa({
        root,
        organizationId: organization,
        name: "Short",
        validityMs: dayMs,
      });
      const verifier = createDeviceVerifier({ roots: [root.pem] });
      const later = new Date(short.notAfter.getTime() + 1);
      const beyond = buildCertificate({
        profile: profiles.device,
        subject: { organization, commonName: device },
        subjectPublicKeyInfo,
        validity: { notBefore: leaf.notBefore, notAfter: new Date(Date.now() + 30 * dayMs) },
        extensions: [subjectAltName([generalName.uri(uri(organization, device))])],
        issuer: short,
      }).der;
      const options = { leaf: beyond, intermediates: [short.der] };
      assert.ok(verifier.verify(options));
      assert.throws(() => verifier.verify({ ...options, now: later }), refusal("certificate_expired"));
    });
  });

  describe("when the issuer is wrong", () => {
    const evilRoot = createRootCa({ name: "Root" });
    const evil = createIntermediateCa({ root: evilRoot, organizationId: organization, name: "Devices" });

    it("refuses another CA's chain", () => {
      const foreign = issueDeviceCertificate({
        issuer: evil,
        organizationId: organization,
        deviceId: device,
        publicKey,
      });
      assert.throws(() => verify(foreign.der, [evil.der]), refusal("certificate_unknown_issuer"));
      assert.throws(
        () => verify(foreign.der, [evil.der, evilRoot.der]),
        refusal("certificate_path_too_long"),
      );
      assert.throws(() => verify(foreign.der), refusal("certificate_unknown_issuer"));
    });

    it("refuses a chain that copies our names and key identifiers", () => {
      const spoofedRoot = { ...evilRoot, subjectDer: root.subjectDer, subjectKeyId: root.subjectKeyId };
      const spoofed = createIntermediateCa({
        root: spoofedRoot,
        organizationId: organization,
        name: "Devices",
      });
      assert.throws(
        () => verify(forge({ issuer: spoofed }), [spoofed.der]),
        refusal("certificate_bad_signature"),
      );
      const impostor = {
        ...evil,
        subjectDer: intermediate.subjectDer,
        subjectKeyId: intermediate.subjectKeyId,
      };
      assert.throws(() => verify(forge({ issuer: impostor })), refusal("certificate_bad_signature"));
    });

    it("refuses when no intermediate is there, or too many", () => {
      assert.throws(() => verify(leaf.der, []), refusal("certificate_unknown_issuer"));
      assert.throws(
        () => verify(leaf.der, Array<Buffer>(17).fill(intermediate.der)),
        refusal("certificate_unknown_issuer"),
      );
    });

    it("refuses a device signed by the root itself", () => {
      assert.throws(
        () => verify(forge({ issuer: root }), [root.der]),
        refusal("certificate_wrong_organisation"),
      );
    });

    it("refuses a leaf that acts as a CA", () => {
      const { privateKey, publicKey: leafKey } = generateKeyPair();
      const acting = issueDeviceCertificate({
        issuer: intermediate,
        organizationId: organization,
        deviceId: device,
        publicKey: leafKey,
      });
      const fields = new X509Certificate(acting.der);
      assert.equal(fields.ca, false);
      const chained = forge({ issuer: leafAsIssuer(acting.der, privateKey) });
      assert.throws(
        () => verify(chained, [acting.der, intermediate.der]),
        refusal("certificate_path_too_long"),
      );
    });

    it("refuses an end-entity certificate of the root as an intermediate", () => {
      const pair = generateKeyPair();
      const direct = buildCertificate({
        profile: profiles.device,
        subject: { organization, commonName: "x" },
        subjectPublicKeyInfo: pair.publicKey.export({ type: "spki", format: "der" }),
        validity: chooseValidity({ profile: profiles.device, now: new Date(), issuer: root }),
        extensions: [subjectAltName([generalName.uri(`rciots://org/${organization}`)])],
        issuer: root,
      });
      assert.throws(
        () => verify(forge({ issuer: leafAsIssuer(direct.der, pair.privateKey) }), [direct.der]),
        refusal("certificate_wrong_usage"),
      );
    });

    it("refuses a CA below an intermediate (path length)", () => {
      const below = createIntermediateCa({
        root: { ...intermediate, pathLength: undefined },
        organizationId: organization,
        name: "Below",
      });
      assert.throws(
        () => verify(forge({ issuer: below }), [below.der, intermediate.der]),
        refusal("certificate_path_too_long"),
      );
    });

    it("refuses an intermediate below a root of path length 0", () => {
      const { privateKey, publicKey: rootKey } = generateKeyPair();
      const narrow = buildCertificate({
        profile: { ...profiles.root, pathLength: 0 },
        subject: { commonName: "Narrow" },
        subjectPublicKeyInfo: rootKey.export({ type: "spki", format: "der" }),
        validity: chooseValidity({ profile: profiles.root, now: new Date() }),
        selfKey: privateKey,
      });
      const issuer = { ...createIssuer(narrow.certificatePem, privateKey), pathLength: undefined };
      const below = createIntermediateCa({ root: issuer, organizationId: organization, name: "Devices" });
      const options = { leaf: forge({ issuer: below }), intermediates: [below.der], root: narrow.der };
      assert.throws(() => verifyDeviceChain(options), refusal("certificate_path_too_long"));
    });

    it("refuses a root that is none, and no root", () => {
      assert.throws(
        () => verifyDeviceChain({ leaf: leaf.der, intermediates: [], root: leaf.der }),
        refusal("certificate_wrong_usage"),
      );
      assert.throws(() => createDeviceVerifier({ roots: [] }), refusal("certificate_unknown_issuer"));
    });
  });

  describe("when organisations are mixed up", () => {
    it("refuses a device that another organisation's CA vouches for", () => {
      const crossed = forge({ issuer: otherIntermediate });
      assert.throws(
        () => verify(crossed, [otherIntermediate.der]),
        refusal("certificate_wrong_organisation"),
      );
    });

    it("refuses a URI of one organisation with the subject of another", () => {
      const mixed = forge({ names: [generalName.uri(uri(otherOrganization, device))] });
      assert.throws(() => verify(mixed), refusal("certificate_bad_name"));
    });

    it("refuses the platform's server CA as an issuer", () => {
      assert.throws(
        () => verify(forge({ issuer: serverCa }), [serverCa.der]),
        refusal("certificate_wrong_usage"),
      );
    });

    it("compares with what is expected", () => {
      const verifier = createDeviceVerifier({ roots: [root.der] });
      const options = { leaf: leaf.der, intermediates: [intermediate.der] };
      assert.ok(
        verifier.verify({
          ...options,
          expected: {
            organizationId: organization,
            deviceId: device,
            issuerIds: new Set([intermediate.fingerprint]),
          },
        }),
      );
      assert.throws(
        () => verifier.verify({ ...options, expected: { organizationId: otherOrganization } }),
        refusal("certificate_wrong_organisation"),
      );
      assert.throws(
        () => verifier.verify({ ...options, expected: { deviceId: otherDevice } }),
        refusal("certificate_wrong_device"),
      );
      assert.throws(
        () => verifier.verify({ ...options, expected: { issuerIds: new Set() } }),
        refusal("certificate_issuer_retired"),
      );
    });
  });

  describe("when intermediates were verified before", () => {
    it("does without them in a resumed session, and never remembers a refused one", () => {
      const verifier = createDeviceVerifier({ roots: [root.pem] });
      assert.throws(
        () => verifier.verify({ leaf: leaf.der, intermediates: [] }),
        refusal("certificate_unknown_issuer"),
      );
      verifier.verify({ leaf: leaf.der, intermediates: [intermediate.der] });
      assert.equal(verifier.verify({ leaf: leaf.der, intermediates: [] }).deviceId, device);
      const impostor = forge({
        issuer: {
          ...otherIntermediate,
          subjectDer: intermediate.subjectDer,
          subjectKeyId: intermediate.subjectKeyId,
        },
      });
      assert.throws(
        () => verifier.verify({ leaf: impostor, intermediates: [] }),
        refusal("certificate_bad_signature"),
      );
    });

    it("keeps its copy when the caller's bytes change, and forgets the oldest", () => {
      const verifier = createDeviceVerifier({ roots: [root.pem], maxRemembered: 1 });
      const bytes = Buffer.from(intermediate.der);
      verifier.verify({ leaf: leaf.der, intermediates: [bytes] });
      bytes.fill(0);
      assert.ok(verifier.verify({ leaf: leaf.der, intermediates: [] }));
      const other = issueDeviceCertificate({
        issuer: otherIntermediate,
        organizationId: otherOrganization,
        deviceId: device,
        publicKey,
      });
      verifier.verify({ leaf: other.der, intermediates: [otherIntermediate.der] });
      assert.throws(
        () => verifier.verify({ leaf: leaf.der, intermediates: [] }),
        refusal("certificate_unknown_issuer"),
      );
    });
  });
});
