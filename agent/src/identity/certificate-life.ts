import { X509Certificate } from "node:crypto";

export interface CertificateLife {
  notBefore: number;
  notAfter: number;
}

/** Milliseconds since the epoch, of the first certificate in a PEM text. */
export function certificateLife(pem: string): CertificateLife {
  const certificate = new X509Certificate(pem);
  return { notBefore: Date.parse(certificate.validFrom), notAfter: Date.parse(certificate.validTo) };
}

/**
 * When to renew: two thirds into its life, and up to a twelfth of it later, so that a fleet enrolled in one
 * hour does not come back in one. `random` is 0 to 1.
 */
export function renewalTime({ notBefore, notAfter }: CertificateLife, random: number): number {
  const lifeMs = notAfter - notBefore;
  return notBefore + (lifeMs * 2) / 3 + (lifeMs / 12) * random;
}
