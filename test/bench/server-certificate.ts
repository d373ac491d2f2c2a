import {
  createRootCa,
  createServerCa,
  exportPrivateKeyPem,
  generateKeyPair,
  issueServerCertificate,
} from "@rciots/ca";

export interface ServerCertificate {
  /** PEM. */
  key: string;
  /** PEM: leaf and intermediate. */
  chain: string;
  /** PEM. */
  root: string;
}

/** A P-256 server certificate for loopback, of the platform's own profile. */
export function createServerCertificate(): ServerCertificate {
  const root = createRootCa({ name: "Bench root" });
  const issuer = createServerCa({ name: "Bench servers", root });
  const { privateKey, publicKey } = generateKeyPair();
  const names = { dnsNames: ["localhost"], ipAddresses: ["127.0.0.1"] };
  const leaf = issueServerCertificate({ issuer, ...names, publicKey });
  return { key: exportPrivateKeyPem(privateKey), chain: leaf.certificatePem + issuer.pem, root: root.pem };
}
