import { connectRefusal } from "@rciots/protocol";
import { AppError, errorMessage, isAppError } from "@rciots/runtime";

/** Why a session could not begin, or ended. */
export interface SessionEnd {
  /** One of the contract's session errors, or a local one: `closed`, `stopped`, `unreachable`, `no_heartbeat`, ... */
  code: string;
  message: string;
  /** The platform named a time to come back. */
  retryAfterMs?: number | undefined;
}

/** What a server says in the TLS handshake of a client certificate it does not like. */
const alerts: [RegExp, string][] = [
  [/ALERT_CERTIFICATE_EXPIRED/, "certificate_expired"],
  [/ALERT_CERTIFICATE_REVOKED/, "certificate_revoked"],
  [/ALERT_CERTIFICATE_REQUIRED/, "certificate_required"],
  [/ALERT_(BAD_CERTIFICATE|CERTIFICATE_UNKNOWN|UNKNOWN_CA|DECRYPT_ERROR)/, "certificate_invalid"],
];

const untrustedServer = new Set([
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "CERT_SIGNATURE_FAILURE",
]);
const outOfDate = new Set(["CERT_HAS_EXPIRED", "CERT_NOT_YET_VALID"]);

/** A failure of the network or of TLS, in the terms of `SessionEnd`. */
export function endByError(error: unknown): SessionEnd {
  const message = errorMessage(error);
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const alert = alerts.find(([pattern]) => pattern.test(code));
  if (alert !== undefined)
    return { code: alert[1], message: "The platform refused this device's certificate." };
  if (untrustedServer.has(code)) return { code: "platform_untrusted", message };
  if (outOfDate.has(code)) return { code: "platform_certificate_dates", message };
  if (isAppError(error)) return { code: error.code, message };
  return { code: "unreachable", message: message || code };
}

/** From the `data` of a socket.io refusal. */
export function endByRefusal(error: unknown): SessionEnd {
  const data = error instanceof Error && "data" in error ? error.data : undefined;
  const parsed = connectRefusal.safeParse(data);
  if (parsed.success) {
    const { code, message = code, retryAfterMs } = parsed.data;
    return { code, message, retryAfterMs };
  }
  return endByError(error);
}

/** An upgrade that was answered by plain HTTP: the platform sheds load so, or it is not the platform. */
export function endByHttp(status: number, retryAfter: string | undefined): SessionEnd {
  const seconds = Number(retryAfter);
  const isTimed = retryAfter !== undefined && Number.isFinite(seconds) && seconds >= 0;
  return {
    code: status === 503 || status === 429 ? "busy" : "http_refused",
    message: `The platform answered the connection with HTTP ${status}.`,
    ...(isTimed ? { retryAfterMs: seconds * 1_000 } : {}),
  };
}

export function sessionError({ code, message, retryAfterMs }: SessionEnd): AppError {
  const details = retryAfterMs === undefined ? {} : { details: { retryAfterMs } };
  return new AppError({ code, status: 503, message, ...details });
}
