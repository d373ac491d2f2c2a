/** What may go wrong in the CA; stable, documented in docs/decisions/0002-certificate-profile.md. */
export const caErrorCodes = [
  "csr_too_large",
  "csr_pem_invalid",
  "csr_several_blocks",
  "csr_trailing_data",
  "csr_malformed",
  "csr_version_unsupported",
  "csr_signature_weak",
  "csr_signature_unsupported",
  "csr_signature_mismatch",
  "csr_signature_invalid",
  "key_type_unsupported",
  "key_curve_unsupported",
  "key_rsa_too_small",
  "key_rsa_too_large",
  "key_rsa_exponent",
  "key_rsa_weak",
  "key_malformed",
  "certificate_malformed",
  "issuer_not_a_ca",
  "issuer_key_mismatch",
  "issuer_expired",
  "issuer_path_length",
  "issuer_wrong_organisation",
  "no_issuing_intermediate",
  "name_invalid",
  "validity_invalid",
  "crl_invalid",
  "sealed_key_invalid",
] as const;
export type CaErrorCode = (typeof caErrorCodes)[number];

/** The one error this package throws on purpose; the message is safe to show to the caller. */
export class CaError extends Error {
  readonly code: CaErrorCode;

  constructor(code: CaErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "CaError";
    this.code = code;
  }
}

export function isCaError(error: unknown): error is CaError {
  return error instanceof CaError;
}
