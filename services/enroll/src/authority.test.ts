import assert from "node:assert/strict";
import { X509Certificate, randomBytes } from "node:crypto";
import { createVault, newId, parseMasterKey } from "@rciots/runtime";
import { authorityNumber } from "@rciots/store";
import { eventually } from "../test/eventually.ts";
import { newKey } from "../test/client.ts";
import { createFixture, dayMs, openssl, opensslVerify, withFiles, type Fixture } from "../test/fixture.ts";
import { createEnroll } from "./index.ts";

describe("the certificate authority", () => {
  let fixture: Fixture;
  beforeEach(async () => {
    fixture = await createFixture();
  });
  afterEach(() => fixture.stop());

  const certificatesOf = (pem: string): X509Certificate[] =>
    pem
      .split(/(?<=-----END CERTIFICATE-----\n)/)
      .filter((part) => part.trim() !== "")
      .map((part) => new X509Certificate(part));

  describe("when four replicas start at once on an empty store", () => {
    it("makes one root, one issuer of server certificates and one intermediate per organisation", async () => {
      const stores = await Promise.all([1, 2, 3, 4].map(() => fixture.connect()));
      const replicas = await Promise.all(stores.map((store) => fixture.start({ store })));
      const { secret } = await fixture.newToken();
      const answers = await Promise.all(
        replicas.flatMap(({ client }, index) =>
          [1, 2, 3].map((n) => client.enroll(secret, { name: `r${index}-${n}`, csr: newKey().csr })),
        ),
      );
      for (const answer of answers) {
        assert.equal(answer.status, 201, answer.bytes.toString());
        await opensslVerify(answer.body.certificateChain, replicas[0]?.enroll.rootCertificates() ?? "");
      }
      assert.equal(new Set(replicas.map(({ enroll }) => enroll.rootCertificates())).size, 1);
      const all = await fixture.store.authorities.page("", 100);
      const ids = all.map((authority) => authority._id).sort();
      assert.deepEqual(ids, [`${fixture.organizationId}:1`, "root:1", "server:1"].sort());
    });
  });

  describe("when it starts again", () => {
    it("keeps root and intermediate, and device tokens", async () => {
      const { secret } = await fixture.newToken();
      const first = await fixture.start();
      const body = { name: "restarted", csr: newKey().csr };
      const before = await first.client.enroll(secret, body);
      await first.enroll.stop();
      const second = await fixture.start();
      const after = await second.client.enroll(secret, body);
      assert.equal(second.enroll.rootCertificates(), first.enroll.rootCertificates());
      assert.equal(after.body.deviceToken, before.body.deviceToken);
      const [, formerIssuer] = certificatesOf(before.body.certificateChain);
      const [, issuer] = certificatesOf(after.body.certificateChain);
      assert.equal(issuer?.fingerprint256, formerIssuer?.fingerprint256);
    });

    it("refuses another CA key with one clear sentence, and changes nothing", async () => {
      const { enroll } = await fixture.start();
      await enroll.stop();
      const before = await fixture.store.authorities.page("", 100);
      const caVault = createVault({ masterKeys: [parseMasterKey(randomBytes(32))] });
      await assert.rejects(
        createEnroll(fixture.options({ caVault })).start(),
        /The CA key \(RCIOTS_CA_KEY\) is not the one/,
      );
      assert.deepEqual(await fixture.store.authorities.page("", 100), before);
    });

    it("seals everything anew under a new CA key, so that the former can go", async () => {
      const first = await fixture.start();
      const { secret } = await fixture.newToken();
      const body = { name: "resealed", csr: newKey().csr };
      const before = await first.client.enroll(secret, body);
      await first.enroll.stop();
      const [oldKey, newKeyBytes] = [parseMasterKey(fixture.caKey), parseMasterKey(randomBytes(32))];
      const both = createVault({ masterKeys: [newKeyBytes, oldKey] });
      const second = await fixture.start({ caVault: both });
      await eventually(async () => {
        const all = await fixture.store.authorities.page("", 100);
        assert.ok(all.length === 3 && all.every((authority) => both.isCurrent(authority.sealedKey)));
      });
      await second.enroll.stop();
      const third = await fixture.start({ caVault: createVault({ masterKeys: [newKeyBytes] }) });
      const after = await third.client.enroll(secret, body);
      assert.equal(after.status, 201, after.bytes.toString());
      assert.equal(after.body.deviceToken, before.body.deviceToken);
    });
  });

  describe("when an operator asks for a rotation", () => {
    it("issues from a new intermediate, keeps the former accepted, and locks nobody out", async () => {
      const { enroll, client } = await fixture.start();
      const { secret } = await fixture.newToken();
      const { organizationId, store } = fixture;
      const before = await client.enroll(secret, { name: "old-one", csr: newKey().csr });
      assert.equal(await store.authorities.requestRotation(organizationId), true);
      await eventually(async () => {
        const [newest, former, ...more] = await store.authorities.listAccepted(organizationId);
        assert.deepEqual([newest?._id, newest?.status], [`${organizationId}:2`, "issuing"]);
        assert.deepEqual([former?._id, former?.status], [`${organizationId}:1`, "accepted"]);
        assert.equal(more.length, 0);
        assert.equal(former?.rotationRequestedAt, null);
      });
      const accepted = await store.authorities.listAccepted(organizationId);
      await opensslVerify(before.body.certificateChain, enroll.rootCertificates());
      const [, issuer] = certificatesOf(before.body.certificateChain);
      assert.ok(accepted.some((authority) => authority.certificatePem.trim() === issuer?.toString().trim()));
      // A replica remembers its issuer for a few seconds; a new one does not.
      const { client: other } = await fixture.start({ store: await fixture.connect() });
      const after = await other.enroll(secret, { name: "new-one", csr: newKey().csr });
      assert.equal((await fixture.device("new-one")).certificate?.issuerId, `${organizationId}:2`);
      await opensslVerify(after.body.certificateChain, enroll.rootCertificates());
      const call = { deviceId: before.body.deviceId, csr: newKey().csr };
      assert.equal((await other.recover(before.body.deviceToken, call)).status, 201);
      const kinds = ["authority.rotated"];
      assert.equal((await store.events.list({ organizationId, kinds, limit: 10 })).length, 1);
    });

    it("makes one only, however many replicas look", async () => {
      const replicas = await Promise.all(
        [1, 2, 3].map(async () => fixture.start({ store: await fixture.connect() })),
      );
      const { secret } = await fixture.newToken();
      await replicas[0]?.client.enroll(secret, { name: "first", csr: newKey().csr });
      const { organizationId, store } = fixture;
      await store.authorities.requestRotation(organizationId);
      await eventually(async () => {
        assert.equal((await store.authorities.listAccepted(organizationId)).length, 2);
      });
      await replicas[0]?.enroll.stop();
      await eventually(async () => {
        const all = await store.authorities.listOfOrganization(organizationId);
        assert.deepEqual(
          all.map((authority) => authority.status),
          ["issuing", "accepted"],
        );
        assert.deepEqual(
          all.map((authority) => authorityNumber(authority._id)),
          [2, 1],
        );
      });
    });

    it("mends a rotation that a process left half done", async () => {
      const { client } = await fixture.start();
      const { secret } = await fixture.newToken();
      await client.enroll(secret, { name: "first", csr: newKey().csr });
      const { organizationId, store } = fixture;
      const [first] = await store.authorities.listOfOrganization(organizationId);
      assert.ok(first);
      // The new one is stored, the former is not yet demoted.
      await store.authorities.insertOrGet({ ...first, _id: `${organizationId}:2` });
      await store.authorities.requestRotation(organizationId);
      await eventually(async () => {
        const all = await store.authorities.listOfOrganization(organizationId);
        assert.deepEqual(
          all.map((authority) => authority.status),
          ["issuing", "accepted", "accepted"],
        );
      });
    });

    it("retires the former once its last certificate has expired, not before", async () => {
      let offsetMs = 0;
      const now = (): Date => new Date(Date.now() + offsetMs);
      const { client } = await fixture.start({ now });
      const { secret } = await fixture.newToken();
      await client.enroll(secret, { name: "last", csr: newKey().csr });
      const { organizationId, store } = fixture;
      await store.authorities.requestRotation(organizationId);
      const statuses = async (): Promise<string[]> =>
        (await store.authorities.listOfOrganization(organizationId)).map((authority) => authority.status);
      await eventually(async () => assert.deepEqual(await statuses(), ["issuing", "accepted"]));
      offsetMs = 89 * dayMs;
      const kept = (await fixture.start({ now, store: await fixture.connect() })).enroll;
      await eventually(() => assert.ok(kept.health.live().ok));
      assert.deepEqual(await statuses(), ["issuing", "accepted"]);
      offsetMs = 91 * dayMs;
      await eventually(async () => assert.deepEqual(await statuses(), ["issuing", "retired"]));
    });

    it("replaces one that ends too soon without being asked", async () => {
      let offsetMs = 0;
      const { client } = await fixture.start({ now: () => new Date(Date.now() + offsetMs) });
      const { secret } = await fixture.newToken();
      await client.enroll(secret, { name: "early", csr: newKey().csr });
      offsetMs = 5 * 365 * dayMs - 100 * dayMs;
      await eventually(async () => {
        const [newest] = await fixture.store.authorities.listOfOrganization(fixture.organizationId);
        assert.equal(newest?._id, `${fixture.organizationId}:2`);
      });
    });
  });

  describe("when certificates are revoked", () => {
    it("lists them, signed by their issuer, with a number that grows", async () => {
      const { client } = await fixture.start();
      const { secret } = await fixture.newToken();
      const { organizationId, store } = fixture;
      const { body } = await client.enroll(secret, { name: "revoked", csr: newKey().csr });
      const path = `/v1/crl/${organizationId}:1`;
      const empty = await client.call(path);
      assert.equal(empty.status, 200, empty.bytes.toString());
      assert.equal(empty.headers["content-type"], "application/pkix-crl");
      assert.equal(
        await store.certificates.revokeForDevice(organizationId, body.deviceId, "keyCompromise"),
        1,
      );
      const { serialNumber } = new X509Certificate(body.certificateChain);
      const [, issuer] = certificatesOf(body.certificateChain);
      await eventually(async () => {
        const { bytes } = await client.call(path);
        await withFiles({ crl: bytes, ca: issuer?.toString() ?? "" }, async (file) => {
          const args = [
            "crl",
            "-inform",
            "DER",
            "-in",
            file("crl"),
            "-CAfile",
            file("ca"),
            "-noout",
            "-text",
          ];
          const text = await openssl(args);
          assert.match(text, new RegExp(`Serial Number: ${serialNumber}`));
          assert.match(text, /Key Compromise/);
          assert.match(text, /CRL Number:\s+2/);
        });
      });
      const [again, oncemore] = await Promise.all([client.call(path), client.call(path)]);
      assert.deepEqual(again.bytes, oncemore.bytes);
    });
  });

  describe("when a client asks for it", () => {
    it("returns the root and the platform's clock", async () => {
      const { enroll, client } = await fixture.start();
      const { status, body } = await client.call("/v1/ca");
      assert.equal(status, 200);
      assert.equal(body.caCertificates, enroll.rootCertificates());
      assert.ok(Math.abs(new Date(body.serverTime).getTime() - Date.now()) < 60_000);
      const [root] = certificatesOf(body.caCertificates);
      assert.ok(root !== undefined && new Date(root.validTo).getTime() > Date.now() + 19 * 365 * dayMs);
    });
  });

  it("has identifiers of organisations only where it expects them", () => {
    assert.equal(authorityNumber(`${newId("org")}:12`), 12);
  });
});
