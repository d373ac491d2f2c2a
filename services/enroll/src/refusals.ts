import { CaError, type CaErrorCode } from "@rciots/ca";
import { enrollmentErrors, type EnrollmentErrorCode } from "@rciots/protocol";
import { AppError } from "@rciots/runtime";

const sentences: Record<EnrollmentErrorCode, string> = {
  token_not_found: "Token not found.",
  token_disabled: "The provisioning token is disabled.",
  token_expired: "The provisioning token has expired.",
  token_exhausted: "The provisioning token has enrolled as many devices as it may.",
  organization_suspended: "The organisation is suspended.",
  device_name_taken: "The organisation has another device of this name.",
  device_denied: "An operator has denied this device.",
  device_disabled: "An operator has disabled this device.",
  device_decommissioned: "An operator has decommissioned this device.",
  device_not_found: "There is no such device.",
  device_token_invalid: "The device token is not this device's.",
  device_pending: "The device waits for approval.",
  csr_required: "A certificate request (csr) is required.",
  csr_invalid: "The certificate request is not valid.",
  csr_weak_key: "The key of the certificate request is not accepted.",
  csr_bad_signature: "The signature of the certificate request is not valid.",
  server_keys_off: "This platform does not make keys for devices; send a certificate request.",
  rate_limited: "Too many requests.",
};

/** A refusal of the contract, with its status. */
export function refuse(
  code: EnrollmentErrorCode,
  options: { message?: string; details?: Record<string, unknown>; cause?: unknown } = {},
): AppError {
  const { message = sentences[code], details, cause } = options;
  return new AppError({
    code,
    status: enrollmentErrors[code],
    message,
    ...(details === undefined ? {} : { details }),
    cause,
  });
}

/** The platform is there but can't do it now; the caller may repeat the call. */
export function busy(message: string, cause?: unknown): AppError {
  return new AppError({ code: "unavailable", status: 503, message, details: { retryAfterMs: 2_000 }, cause });
}

const badSignature: ReadonlySet<CaErrorCode> = new Set([
  "csr_signature_weak",
  "csr_signature_unsupported",
  "csr_signature_mismatch",
  "csr_signature_invalid",
]);

/** What the CA says of a request, in the words of the contract; `details.reason` is the CA's own code. */
export function fromCsrFault(error: unknown): unknown {
  if (!(error instanceof CaError)) return error;
  const details = { reason: error.code };
  if (badSignature.has(error.code)) return refuse("csr_bad_signature", { message: error.message, details });
  if (error.code.startsWith("key_")) return refuse("csr_weak_key", { message: error.message, details });
  if (error.code.startsWith("csr_")) return refuse("csr_invalid", { message: error.message, details });
  return error;
}
