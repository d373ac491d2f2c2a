import type { Models } from "../models.ts";

/** Issued device certificates and their revocation. */
export function createCertificateRepository(_models: Models) {
  return {};
}
