import type { KeyObject } from "node:crypto";
import { CaError } from "./ca-error.ts";
import { exportPkcs8, importPkcs8 } from "./key-pair.ts";

/**
 * What encrypts CA keys at rest; the platform's vault is one. `aad` is bound to the result: opening with
 * another one has to fail.
 */
export interface KeySealer {
  seal(bytes: Buffer, aad: string): string | Promise<string>;
  open(sealed: string, aad: string): Buffer | Promise<Buffer>;
}

/** The certificate a sealed key belongs to: a key moved to another certificate's record does not open. */
export const keyAad = (fingerprint: string): string => `rciots:ca-key:${fingerprint}`;

export interface SealKeyOptions {
  privateKey: KeyObject;
  sealer: KeySealer;
  aad: string;
}

/** Encrypts a CA's private key for storage. The plain bytes are overwritten afterwards. */
export async function sealKey({ privateKey, sealer, aad }: SealKeyOptions): Promise<string> {
  const plain = exportPkcs8(privateKey);
  try {
    return await sealer.seal(plain, aad);
  } finally {
    plain.fill(0);
  }
}

export interface OpenKeyOptions {
  sealedKey: string;
  sealer: KeySealer;
  aad: string;
}

/** @throws CaError `sealed_key_invalid` for another key, another `aad`, or damage */
export async function openKey(options: OpenKeyOptions): Promise<KeyObject> {
  const plain = await openBytes(options);
  try {
    return importPkcs8(plain);
  } finally {
    plain.fill(0);
  }
}

/** Seals the same key anew, under the sealer's present key; for master-key rotation. */
export async function rewrapKey({
  sealedKey,
  from,
  to,
  aad,
}: {
  sealedKey: string;
  from: KeySealer;
  to: KeySealer;
  aad: string;
}): Promise<string> {
  const plain = await openBytes({ sealedKey, sealer: from, aad });
  try {
    return await to.seal(plain, aad);
  } finally {
    plain.fill(0);
  }
}

async function openBytes({ sealedKey, sealer, aad }: OpenKeyOptions): Promise<Buffer> {
  try {
    return await sealer.open(sealedKey, aad);
  } catch (error) {
    throw new CaError("sealed_key_invalid", "The sealed CA key can't be opened.", error);
  }
}
