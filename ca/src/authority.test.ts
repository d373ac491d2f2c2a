import assert from "node:assert/strict";
import { randomBytes, X509Certificate } from "node:crypto";
import { createDeviceVerifier } from "../../packages/runtime/src/device-certificate.ts";
import { createSealer, createVault, parseMasterKey, type DataKey } from "../../packages/runtime/src/vault.ts";
import { createAuthority, createPlatformCas, type Authority, type AuthorityOptions } from "./authority.ts";
import { isCaError, type CaErrorCode } from "./ca-error.ts";
import { dayMs, yearMs } from "./certificate-profile.ts";
import { createCsr } from "./csr-writer.ts";
import {
  acceptedIds,
  findIssuing,
  isRotationDue,
  retire,
  retireExpired,
  type IntermediateRecord,
} from "./intermediate-record.ts";
import { generateKeyPair } from "./key-pair.ts";
import { keyAad, openKey, rewrapKey } from "./key-seal.ts";
import { testIds } from "./openssl.fixture.ts";

const refusal = (code: CaErrorCode) => (error: unknown) => isCaError(error) && error.code === code;
const { organization, otherOrganization, device } = testIds;
const vault = createVault({ masterKeys: [parseMasterKey(randomBytes(32))] });
const dataKeys = new Map<string, DataKey>(
  [organization, otherOrganization].map((id) => [id, vault.createDataKey()]),
);
const sealerFor: AuthorityOptions["sealerFor"] = (organizationId) => {
  const dataKey = dataKeys.get(organizationId ?? "");
  return dataKey === undefined ? vault : createSealer(dataKey);
};
const { privateKey } = generateKeyPair();
const csr = createCsr({ privateKey, commonName: "edge-1" });

async function createPlatform(
  options: Partial<AuthorityOptions> = {},
): Promise<{ authority: Authority; options: AuthorityOptions }> {
  const cas = await createPlatformCas({ sealer: vault, name: "RCIoTS" });
  const all = { ...cas, sealerFor, ...options };
  return { authority: createAuthority(all), options: all };
}

describe("authority", () => {
  let authority: Authority;
  let options: AuthorityOptions;
  let intermediates: IntermediateRecord[];
  before(async () => {
    ({ authority, options } = await createPlatform());
    intermediates = [await authority.createIntermediate({ organizationId: organization, name: "Devices" })];
  });
  const issue = (
    request: Partial<{
      organizationId: string;
      intermediates: readonly IntermediateRecord[];
      validityMs: number;
    }> = {},
  ) =>
    authority.issueDevice({ organizationId: organization, deviceId: device, csr, intermediates, ...request });
  const verify = (certificatePem: string, records = intermediates, now = new Date()) =>
    createDeviceVerifier({ roots: [authority.rootPem] }).verify({
      leaf: certificatePem,
      intermediates: records.map((record) => record.certificatePem),
      now,
      expected: { organizationId: organization, deviceId: device, issuerIds: acceptedIds(records, now) },
    });

  describe("when a device asks with a request", () => {
    it("gets a certificate the connector accepts, with its chain", async () => {
      const issued = await issue();
      const [record] = intermediates;
      assert.equal(issued.chainPem, issued.certificatePem + record?.certificatePem);
      assert.equal(issued.issuerId, record?.id);
      const found = verify(issued.certificatePem);
      assert.deepEqual(
        [found.serial, found.fingerprint, found.issuerId],
        [issued.serial, issued.fingerprint, issued.issuerId],
      );
      assert.equal(found.notAfter.getTime(), issued.notAfter.getTime());
      assert.ok(new X509Certificate(issued.certificatePem).checkPrivateKey(privateKey));
    });

    it("takes the validity asked for, else the configured one", async () => {
      const days = async (of: Authority, validityMs?: number) => {
        const issued = await of.issueDevice({
          organizationId: organization,
          deviceId: device,
          csr,
          intermediates,
          ...(validityMs && { validityMs }),
        });
        return Math.round((issued.notAfter.getTime() - Date.now()) / dayMs);
      };
      assert.deepEqual(
        [
          await days(authority),
          await days(authority, 7 * dayMs),
          await days(createAuthority({ ...options, deviceValidityMs: 30 * dayMs })),
        ],
        [90, 7, 30],
      );
    });

    it("refuses a bad request with the request's own code", async () => {
      await assert.rejects(
        authority.issueDevice({ organizationId: organization, deviceId: device, csr: "x", intermediates }),
        refusal("csr_pem_invalid"),
      );
    });

    it("names the CRL where one is published", async () => {
      const published = createAuthority({
        ...options,
        crlUrlOf: (issuerId) => `https://pki.example.com/crl/${issuerId}.crl`,
      });
      const issued = await published.issueDevice({
        organizationId: organization,
        deviceId: device,
        csr,
        intermediates,
      });
      assert.ok(issued.der.includes(`https://pki.example.com/crl/${issued.issuerId}.crl`));
    });
  });

  describe("when organisations are mixed up", () => {
    it("does not issue for another organisation, even if the record lies", async () => {
      await assert.rejects(issue({ organizationId: otherOrganization }), refusal("no_issuing_intermediate"));
      const lying = intermediates.map((record) => ({ ...record, organizationId: otherOrganization }));
      await assert.rejects(
        createAuthority(options).issueDevice({
          organizationId: otherOrganization,
          deviceId: device,
          csr,
          intermediates: lying,
        }),
        refusal("issuer_wrong_organisation"),
      );
    });

    it("does not open a key that was moved to another record", async () => {
      const other = await authority.createIntermediate({ organizationId: organization, name: "Devices" });
      const swapped = intermediates.map((record) => ({ ...record, sealedKey: other.sealedKey }));
      await assert.rejects(
        createAuthority(options).issueDevice({
          organizationId: organization,
          deviceId: device,
          csr,
          intermediates: swapped,
        }),
        refusal("sealed_key_invalid"),
      );
    });
  });

  describe("when the intermediate is rotated", () => {
    it("issues from the new one and still accepts devices of the old one", async () => {
      const old = await issue();
      const { issuing, intermediates: next } = await authority.rotateIntermediate({
        organizationId: organization,
        name: "Devices",
        intermediates,
      });
      assert.deepEqual(
        next.map((record) => record.status),
        ["issuing", "accepted"],
      );
      assert.equal(findIssuing(next)?.id, issuing.id);
      assert.equal(intermediates[0]?.status, "issuing", "the state given is not changed");
      const fresh = await issue({ intermediates: next });
      assert.equal(fresh.issuerId, issuing.id);
      assert.equal(verify(fresh.certificatePem, next).issuerId, issuing.id);
      assert.equal(verify(old.certificatePem, next).issuerId, intermediates[0]?.id);
    });

    it("refuses devices of a retired one, and only those", async () => {
      const old = await issue();
      const rotated = await authority.rotateIntermediate({
        organizationId: organization,
        name: "Devices",
        intermediates,
      });
      const next = retire(rotated.intermediates, old.issuerId, new Date());
      assert.throws(() => verify(old.certificatePem, next), { code: "certificate_issuer_retired" });
      assert.ok(verify((await issue({ intermediates: next })).certificatePem, next));
    });

    it("is due before a device certificate would have to be cut short", async () => {
      const at = (ms: number) => ({ now: new Date(Date.now() + ms), deviceValidityMs: 90 * dayMs });
      assert.equal(isRotationDue(intermediates, at(0)), false);
      assert.equal(isRotationDue(intermediates, at(5 * yearMs - 181 * dayMs)), false);
      assert.equal(isRotationDue(intermediates, at(5 * yearMs - 179 * dayMs)), true);
      assert.equal(isRotationDue([], at(0)), true);
      assert.equal(isRotationDue(retire(intermediates, intermediates[0]?.id ?? "", new Date()), at(0)), true);
    });

    it("retires what has expired and leaves the rest untouched", async () => {
      const later = new Date(Date.now() + 6 * yearMs);
      assert.deepEqual(retireExpired(intermediates, new Date()), intermediates);
      assert.deepEqual(
        retireExpired(intermediates, later).map((record) => record.status),
        ["retired"],
      );
      assert.equal(acceptedIds(intermediates, later).size, 0);
    });

    it("does not issue without an issuing one", async () => {
      await assert.rejects(
        issue({ intermediates: retire(intermediates, intermediates[0]?.id ?? "", new Date()) }),
        refusal("no_issuing_intermediate"),
      );
      await assert.rejects(issue({ intermediates: [] }), refusal("no_issuing_intermediate"));
    });
  });

  describe("when keys are at rest", () => {
    it("keeps them sealed in every record", () => {
      for (const record of [options.root, options.serverCa, ...intermediates]) {
        assert.ok(record && /^rv1\./.test(record.sealedKey) && !record.sealedKey.includes("PRIVATE"));
      }
    });

    it("opens intermediates once, and again after a failure", async () => {
      let failures = 1;
      let opened = 0;
      const counting = createAuthority({
        ...options,
        sealerFor: async (id) => {
          if (id !== undefined) opened += 1;
          if (id !== undefined && failures-- > 0) throw new Error("The store is away.");
          return sealerFor(id);
        },
      });
      const request = { organizationId: organization, deviceId: device, csr, intermediates };
      await assert.rejects(counting.issueDevice(request), /The store is away/);
      await Promise.all(Array.from({ length: 20 }, () => counting.issueDevice(request)));
      assert.equal(opened, 2);
    });

    it("moves to another sealer", async () => {
      const [record] = intermediates;
      assert.ok(record);
      const [from, to, aad] = [
        await sealerFor(organization),
        createSealer(vault.createDataKey()),
        keyAad(record.id),
      ];
      const sealedKey = await rewrapKey({ sealedKey: record.sealedKey, from, to, aad });
      assert.equal((await openKey({ sealedKey, sealer: to, aad })).asymmetricKeyType, "ec");
      await assert.rejects(openKey({ sealedKey, sealer: from, aad }), refusal("sealed_key_invalid"));
      await assert.rejects(
        openKey({ sealedKey, sealer: to, aad: keyAad("0") }),
        refusal("sealed_key_invalid"),
      );
    });

    it("does not take a sealed value that is no key", async () => {
      await assert.rejects(
        openKey({ sealedKey: vault.seal(Buffer.from("x"), "a"), sealer: vault, aad: "a" }),
        refusal("sealed_key_invalid"),
      );
    });
  });

  describe("when the platform needs a server certificate", () => {
    it("issues it from the platform's own CA", async () => {
      const issued = await authority.issueServer({
        publicKey: generateKeyPair().publicKey,
        dnsNames: ["edge.example.com"],
      });
      const [leaf, ca] = [
        new X509Certificate(issued.certificatePem),
        new X509Certificate(options.serverCa?.certificatePem ?? ""),
      ];
      assert.ok(leaf.checkIssued(ca) && leaf.verify(ca.publicKey));
      assert.equal(leaf.checkHost("edge.example.com"), "edge.example.com");
    });

    it("says so when there is none", async () => {
      const { serverCa: _none, ...rest } = options;
      await assert.rejects(
        createAuthority(rest).issueServer({
          publicKey: generateKeyPair().publicKey,
          dnsNames: ["a.example"],
        }),
        refusal("no_issuing_intermediate"),
      );
    });
  });

  describe("when a list is asked for", () => {
    it("is signed by that intermediate", async () => {
      const [intermediate] = intermediates;
      assert.ok(intermediate);
      const list = await authority.crl({
        intermediate,
        entries: [],
        number: 1,
        nextUpdate: new Date(Date.now() + dayMs),
      });
      assert.match(list.pem, /^-----BEGIN X509 CRL-----/);
    });
  });
});
