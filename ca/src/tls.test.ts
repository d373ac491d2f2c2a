import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type SecureVersion, type TLSSocket } from "node:tls";
import { createDeviceVerifier, type DeviceIdentity } from "../../packages/runtime/src/device-certificate.ts";
import { createIntermediateCa, createRootCa, createServerCa } from "./certificate-authorities.ts";
import { issueDeviceCertificate, issueServerCertificate } from "./end-entity.ts";
import { exportPrivateKeyPem, generateKeyPair } from "./key-pair.ts";
import { testIds } from "./openssl.fixture.ts";
import { loadCaCertificate, type Issuer } from "./issuer.ts";
import type { AddressInfo, Socket } from "node:net";

const { organization, device } = testIds;
const root = createRootCa({ name: "Root" });
const serverCa = createServerCa({ root, name: "Servers" });
const intermediate = createIntermediateCa({ root, organizationId: organization, name: "Devices" });
const verifier = createDeviceVerifier({ roots: [root.pem] });

interface Peer {
  cert: string;
  key: string;
}

function server(): Peer {
  const { privateKey, publicKey } = generateKeyPair();
  const issued = issueServerCertificate({
    issuer: serverCa,
    publicKey,
    dnsNames: ["localhost"],
    ipAddresses: ["127.0.0.1"],
  });
  return { cert: issued.certificatePem + serverCa.pem, key: exportPrivateKeyPem(privateKey) };
}

function client(issuer: Issuer = intermediate): Peer {
  const { privateKey, publicKey } = generateKeyPair();
  const issued = issueDeviceCertificate({
    issuer,
    organizationId: organization,
    deviceId: device,
    publicKey,
  });
  return { cert: issued.certificatePem + issuer.pem, key: exportPrivateKeyPem(privateKey) };
}

/** What a connector does with each connection. */
function judge(socket: TLSSocket): DeviceIdentity {
  const leaf = socket.getPeerX509Certificate();
  const identity = verifier.verify({
    leaf: leaf?.raw ?? "",
    intermediates: [intermediate.pem],
    expected: { deviceId: device },
  });
  socket.end("!");
  return identity;
}

/** One handshake and one byte back; resolves with whom the server saw, rejects when either end refuses. */
async function handshake(peers: {
  server: Peer;
  client: Peer;
  version: SecureVersion;
  ca?: string;
}): Promise<DeviceIdentity> {
  const { version, ca = root.pem } = peers;
  const listener = createServer({
    ...peers.server,
    ca: root.pem,
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: version,
    maxVersion: version,
  });
  const accepted = new Set<Socket>();
  listener.on("connection", (socket: Socket) => accepted.add(socket));
  const seen = new Promise<DeviceIdentity>((resolve, reject) => {
    listener.on("tlsClientError", reject);
    listener.on("secureConnection", (socket: TLSSocket) => {
      socket.on("error", reject);
      Promise.resolve(socket).then(judge).then(resolve, reject);
    });
  });
  seen.catch(() => undefined);
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const socket = connect({
    ...peers.client,
    ca,
    host: "127.0.0.1",
    port: (listener.address() as AddressInfo).port,
    servername: "localhost",
  });
  try {
    // In TLS 1.3 the client is done before the server has judged it: whichever end refuses, ends it here.
    await Promise.race([once(socket, "data"), seen.then(() => once(socket, "data"))]);
    assert.equal(socket.getProtocol(), version);
    return await seen;
  } finally {
    socket.on("error", () => undefined).destroy();
    for (const connection of accepted) connection.destroy();
    listener.close();
  }
}

describe("TLS with issued certificates", () => {
  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    describe(`when both ends speak ${version}`, () => {
      it("connects, and the server knows the device", async () => {
        const identity = await handshake({ server: server(), client: client(), version });
        assert.deepEqual(
          [identity.organizationId, identity.deviceId, identity.issuerId],
          [organization, device, intermediate.fingerprint],
        );
      });

      it("refuses a client of another root", async () => {
        const otherRoot = createRootCa({ name: "Root" });
        const foreign = client(
          createIntermediateCa({ root: otherRoot, organizationId: organization, name: "Devices" }),
        );
        await assert.rejects(handshake({ server: server(), client: foreign, version }));
      });

      it("refuses a server certificate as a client", async () => {
        await assert.rejects(handshake({ server: server(), client: server(), version }));
      });

      it("refuses a device certificate as a server", async () => {
        await assert.rejects(handshake({ server: client(), client: client(), version }), {
          code: "INVALID_PURPOSE",
        });
      });

      it("refuses a server of another root", async () => {
        await assert.rejects(
          handshake({ server: server(), client: client(), version, ca: createRootCa({ name: "Root" }).pem }),
          /self-signed|unable to/,
        );
      });

      it("refuses a client whose certificate has expired", async () => {
        const now = new Date(Date.now() - 2 * 86_400_000);
        const oldRoot = { ...root, notBefore: new Date(0) };
        const old = createIntermediateCa({
          root: oldRoot,
          organizationId: organization,
          name: "Devices",
          now,
        });
        const { privateKey, publicKey } = generateKeyPair();
        const issued = issueDeviceCertificate({
          issuer: old,
          organizationId: organization,
          deviceId: device,
          publicKey,
          validityMs: 3_600_000,
          now,
        });
        const expired = { cert: issued.certificatePem + old.pem, key: exportPrivateKeyPem(privateKey) };
        await assert.rejects(handshake({ server: server(), client: expired, version }));
      });
    });
  }

  describe("when a chain is loaded again from PEM", () => {
    it("keeps its identity", () => {
      assert.equal(loadCaCertificate(intermediate.pem).fingerprint, intermediate.fingerprint);
    });
  });
});
