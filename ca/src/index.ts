export { CaError, caErrorCodes, isCaError, type CaErrorCode } from "./ca-error.ts";
export {
  createIntermediateCa,
  createRootCa,
  createServerCa,
  type IntermediateCaOptions,
} from "./certificate-authorities.ts";
export type { IssuedCertificate } from "./certificate.ts";
export {
  buildCrl,
  type Crl,
  type CrlOptions,
  type RevocationReason,
  type RevokedCertificate,
} from "./crl.ts";
export { createCsr } from "./csr-writer.ts";
export { maxCsrBytes, parseCsr, type Csr, type CsrAttribute } from "./csr.ts";
export {
  issueDeviceCertificate,
  issuePeerCertificate,
  issueServerCertificate,
  type DeviceCertificateOptions,
  type PeerCertificateOptions,
  type ServerCertificateOptions,
  type SubjectKey,
} from "./end-entity.ts";
export { fingerprintOf } from "./fingerprint.ts";
export { createIssuer, loadCaCertificate, type CaCertificate, type Issuer } from "./issuer.ts";
export { exportPrivateKeyPem, generateKeyPair, type Curve, type KeyPair } from "./key-pair.ts";
export { keyAad, openKey, rewrapKey, sealKey, type KeySealer } from "./key-seal.ts";
export type { KeyType } from "./public-key.policy.ts";
