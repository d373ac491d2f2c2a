import { exportPrivateKeyPem, generateKeyPair, parseCsr } from "@rciots/ca";
import { createHash, type KeyObject } from "node:crypto";
import { fromCsrFault, refuse } from "../refusals.ts";

/** The key a certificate is asked for. */
export interface DeviceKey {
  publicKey: KeyObject;
  /** SHA-256 of the SubjectPublicKeyInfo, hex. */
  publicKeyHash: string;
  /** PEM (PKCS #8), only of a key that the platform made. */
  privateKeyPem?: string;
}

/** Checks form, key and proof of possession. Throws the `csr_*` refusals. */
export function readCsr(csr: string): DeviceKey {
  try {
    const { publicKey, publicKeySha256 } = parseCsr(csr);
    return { publicKey, publicKeyHash: publicKeySha256 };
  } catch (error) {
    throw fromCsrFault(error);
  }
}

/** A P-256 key for a client that can't make one: a fraction of a millisecond, so it may run on the event loop. */
export function makeDeviceKey(): DeviceKey {
  const { publicKey, privateKey } = generateKeyPair("P-256");
  const der = publicKey.export({ type: "spki", format: "der" });
  return {
    publicKey,
    publicKeyHash: createHash("sha256").update(der).digest("hex"),
    privateKeyPem: exportPrivateKeyPem(privateKey),
  };
}

/** The key of an enrolment request: of its CSR, or made here where that is asked for and allowed. */
export function chooseDeviceKey(
  request: { csr?: string | undefined; generateKey?: boolean | undefined },
  allowServerKeys: boolean,
): DeviceKey {
  if (request.generateKey === true) {
    if (!allowServerKeys) throw refuse("server_keys_off");
    if (request.csr !== undefined) {
      throw refuse("csr_invalid", { message: "Send either a certificate request or generateKey, not both." });
    }
    return makeDeviceKey();
  }
  if (request.csr === undefined) throw refuse("csr_required");
  return readCsr(request.csr);
}
