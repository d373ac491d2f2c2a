import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { CaError } from "./ca-error.ts";

export type Curve = "P-256" | "P-384";

export interface KeyPair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** A new ECDSA key pair; takes a fraction of a millisecond, so it may run on the event loop. */
export function generateKeyPair(curve: Curve = "P-256"): KeyPair {
  return generateKeyPairSync("ec", { namedCurve: curve });
}

/** Unencrypted PKCS#8 PEM: for a server's or a device's own key, never for a CA's. */
export function exportPrivateKeyPem(privateKey: KeyObject): string {
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

export function exportPkcs8(privateKey: KeyObject): Buffer {
  return privateKey.export({ type: "pkcs8", format: "der" });
}

/** @throws CaError `sealed_key_invalid` when the bytes are not a PKCS#8 private key */
export function importPkcs8(der: Buffer): KeyObject {
  try {
    return createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  } catch {
    // The cause could quote the input, which is a private key.
    throw new CaError("sealed_key_invalid", "What was sealed is not a PKCS #8 private key.");
  }
}
