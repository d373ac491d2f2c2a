import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type DetailedPeerCertificate } from "node:tls";
import { createLogger } from "@rciots/runtime";
import { eventually } from "../test/eventually.ts";
import { createFixture, dayMs, openssl, withFiles, type Fixture } from "../test/fixture.ts";
import { createEnroll } from "./index.ts";

describe("the server certificate", () => {
  let fixture: Fixture;
  let folder: string;
  before(async () => {
    fixture = await createFixture();
    folder = await mkdtemp(join(tmpdir(), "rciots-enroll-tls-"));
  });
  after(async () => {
    await fixture.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function peerOf(
    port: number,
    ca: string,
    servername = "localhost",
  ): Promise<DetailedPeerCertificate> {
    const socket = connect({ host: "127.0.0.1", port, ca, servername });
    await once(socket, "secureConnect");
    const certificate = socket.getPeerCertificate(true);
    socket.destroy();
    return certificate;
  }

  describe("when it comes from the platform's own CA", () => {
    it("names the endpoint and localhost, and comes with intermediate and root", async () => {
      const { enroll } = await fixture.start();
      const peer = await peerOf(enroll.address().port, enroll.rootCertificates(), "enroll.example.com");
      const names = (peer.subjectaltname ?? "").split(", ").sort();
      assert.deepEqual(names, [
        "DNS:enroll.example.com",
        "DNS:localhost",
        "IP Address:0:0:0:0:0:0:0:1",
        "IP Address:127.0.0.1",
      ]);
      const root = peer.issuerCertificate.issuerCertificate;
      assert.equal(root.fingerprint256, new X509Certificate(enroll.rootCertificates()).fingerprint256);
    });

    it("gives the edge endpoint one of its own that OpenSSL accepts", async () => {
      const { enroll } = await fixture.start();
      const { cert, key, ca } = enroll.edgeTls.current();
      assert.equal(ca, enroll.rootCertificates());
      await withFiles({ cert, key, ca }, async (path) => {
        const names = ["-verify_hostname", "edge.example.com", "-purpose", "sslserver", "-x509_strict"];
        const args = ["verify", ...names, "-CAfile", path("ca"), "-untrusted", path("cert"), path("cert")];
        assert.match(await openssl(args), /: OK/);
      });
      const leaf = new X509Certificate(cert);
      assert.ok(leaf.checkIP("192.0.2.7"));
      assert.equal(leaf.checkHost("enroll.example.com"), undefined);
    });

    it("is replaced while it runs, a third of its life before its end", async () => {
      let offsetMs = 0;
      const now = (): Date => new Date(Date.now() + offsetMs);
      const { enroll } = await fixture.start({ now, store: await fixture.connect() });
      const { port } = enroll.address();
      const first = (await peerOf(port, enroll.rootCertificates())).serialNumber;
      const seen: string[] = [];
      enroll.edgeTls.onChange(({ cert }) => seen.push(cert));
      offsetMs = 55 * dayMs;
      await fixture.store.ping();
      assert.equal((await peerOf(port, enroll.rootCertificates())).serialNumber, first);
      // Back-dated little enough for the verifier's own clock, which stays where it is.
      offsetMs = 61 * dayMs;
      await eventually(() => assert.equal(seen.length, 1));
      assert.ok(new Date(new X509Certificate(seen[0] ?? "").validTo).getTime() > Date.now() + 140 * dayMs);
      assert.equal(enroll.edgeTls.current().cert, seen[0]);
    });

    it("refuses to start with a name that is none", async () => {
      const serverNames = { enroll: ["not a name"], edge: [] };
      await assert.rejects(createEnroll(fixture.options({ serverNames })).start(), /DNS name/);
    });
  });

  describe("when it comes from files", () => {
    const files = () => ({ certFile: join(folder, "tls.crt"), keyFile: join(folder, "tls.key") });

    async function writePair(serial: number): Promise<string> {
      const { certFile, keyFile } = files();
      return withFiles({}, async (path) => {
        const subject = ["-subj", "/CN=own.example.com", "-addext", "subjectAltName=DNS:localhost"];
        const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", path("k")];
        const extra = ["-set_serial", String(serial), "-days", "2", "-out", path("c")];
        await openssl(["req", "-x509", ...key, ...subject, ...extra]);
        const [cert, keyText] = await Promise.all([
          openssl(["x509", "-in", path("c")]),
          openssl(["pkey", "-in", path("k")]),
        ]);
        await writeFile(keyFile, keyText);
        await writeFile(certFile, cert);
        return cert;
      });
    }

    it("is reloaded when they change; broken files keep the former and are logged once", async () => {
      const first = await writePair(11);
      const lines: string[] = [];
      const logger = createLogger({ level: "error", write: (line) => lines.push(line) });
      const { enroll } = await fixture.start({ ownTls: files(), logger, maintenanceIntervalMs: 20 });
      const { port } = enroll.address();
      assert.equal((await peerOf(port, first)).serialNumber, "0B");
      assert.equal(enroll.edgeTls.current().ca, enroll.rootCertificates());

      await writeFile(files().certFile, "-----BEGIN CERTIFICATE-----\nnothing\n-----END CERTIFICATE-----\n");
      await eventually(() => assert.ok(lines.some((line) => line.includes("the former stays in force"))));
      assert.equal((await peerOf(port, first)).serialNumber, "0B");

      const second = await writePair(12);
      await eventually(async () => assert.equal((await peerOf(port, second)).serialNumber, "0C"));
      const broken = lines.filter((line) => line.includes("the former stays in force"));
      assert.ok(broken.length <= 3, `${broken.length} lines`);
      assert.ok(lines.every((line) => !line.includes("PRIVATE KEY")));
    });

    it("refuses to start where they are missing or are no pair", async () => {
      const missing = { certFile: join(folder, "absent.crt"), keyFile: join(folder, "absent.key") };
      await assert.rejects(createEnroll(fixture.options({ ownTls: missing })).start(), /ENOENT/);
      await writePair(13);
      const { keyFile } = files();
      await openssl(["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", keyFile]);
      await assert.rejects(createEnroll(fixture.options({ ownTls: files() })).start(), /does not belong/);
    });
  });

  describe("when a client speaks an old version of TLS", () => {
    it("is refused", async () => {
      const { enroll } = await fixture.start();
      const { port } = enroll.address();
      const ca = enroll.rootCertificates();
      const old = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" } as const;
      const socket = connect({ host: "127.0.0.1", port, ca, servername: "localhost", ...old });
      const thrown: unknown = await once(socket, "secureConnect").catch((error: unknown) => error);
      assert.ok(thrown instanceof Error && "code" in thrown, "the connection was made");
      assert.equal(thrown.code, "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION");
    });
  });
});
