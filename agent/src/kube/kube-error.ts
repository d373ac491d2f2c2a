import { AppError } from "@rciots/runtime";

export interface KubeErrorOptions {
  /** HTTP status of the API server's answer; 503 where there was none. */
  readonly status: number;
  /** The server's machine-readable reason ("Invalid", "Conflict", ...) or one of ours. */
  readonly reason: string;
  /** The server's own words. */
  readonly message: string;
  readonly retryAfterMs?: number | undefined;
  /** The Status names an object (or a missing resource type does not). */
  readonly namesObject?: boolean;
  readonly cause?: unknown;
}

/** What the API server refused, in its own words, or why it could not be asked. */
export class KubeError extends AppError {
  readonly reason: string;
  readonly retryAfterMs: number | undefined;
  readonly namesObject: boolean;

  constructor(options: KubeErrorOptions) {
    const { status, reason, message, cause } = options;
    const code = `kube_${reason.replace(/(?<=[a-z])(?=[A-Z])/g, "_").toLowerCase()}`;
    super({ code, status, message, cause });
    this.name = "KubeError";
    this.reason = reason;
    this.retryAfterMs = options.retryAfterMs;
    this.namesObject = options.namesObject ?? false;
  }
}

export const isKubeError = (error: unknown): error is KubeError => error instanceof KubeError;

/** No answer at all: refused, reset, or TLS failed. It says nothing about any object. */
export const isUnreachable = (error: unknown): boolean =>
  isKubeError(error) && error.reason === "Unreachable";

export const isConflict = (error: unknown): boolean => isKubeError(error) && error.status === 409;

export const isExpired = (error: unknown): boolean => isKubeError(error) && error.status === 410;

/** Not allowed, or not a thing this server can do for this resource (list, watch). */
export const isUnsupported = (error: unknown): boolean =>
  isKubeError(error) && (error.status === 403 || error.status === 404 || error.status === 405);

/** No resource serves the kind; its CRD may be established any moment. */
export const isNoKindMatch = (error: unknown): boolean =>
  isKubeError(error) && error.reason === "NoKindMatch";

/**
 * The server understood the object and refuses it as it is. Sending the same bytes again can only help if
 * something else changes (a schema, a policy).
 */
export const isPermanent = (error: unknown): boolean =>
  isKubeError(error) && [400, 413, 415, 422].includes(error.status);

export function unreachable(cause: unknown): KubeError {
  const detail =
    cause instanceof Error ? cause.message || (cause as NodeJS.ErrnoException).code : String(cause);
  const message = `the API server can't be reached: ${detail ?? "unknown error"}`;
  return new KubeError({ status: 503, reason: "Unreachable", message, cause });
}

/** One request took too long, as behind a slow admission webhook; others may well be answered. */
export function timedOut(timeoutMs: number): KubeError {
  return new KubeError({
    status: 504,
    reason: "Timeout",
    message: `the API server gave no answer within ${timeoutMs} ms`,
  });
}

interface StatusBody {
  kind?: unknown;
  reason?: unknown;
  message?: unknown;
  details?: { name?: unknown; retryAfterSeconds?: unknown };
}

/** From a refusal: a `Status` object where there is one, else the text as it came, cut short. */
export function kubeErrorOf(status: number, body: Buffer, retryAfterHeader: string | undefined): KubeError {
  const parsed = parseStatus(body);
  const seconds = Number(retryAfterHeader ?? parsed?.details?.retryAfterSeconds ?? NaN);
  const text = body.subarray(0, 2_048).toString("utf8").trim();
  const message =
    typeof parsed?.message === "string" && parsed.message ? parsed.message : text || `HTTP ${status}`;
  const malformed = isMalformedObject(status, message);
  return new KubeError({
    status: malformed ? 422 : status,
    reason: reasonOf(parsed, malformed ? "Invalid" : `Http${status}`),
    message,
    retryAfterMs: Number.isFinite(seconds) && seconds >= 0 ? seconds * 1_000 : undefined,
    namesObject: typeof parsed?.details?.name === "string" && parsed.details.name !== "",
  });
}

const reasonOf = (parsed: StatusBody | undefined, otherwise: string): string =>
  typeof parsed?.reason === "string" && parsed.reason ? parsed.reason : otherwise;

/**
 * Server-side apply answers an object that does not fit its schema (an unknown field, text for a number) with
 * a bare 500. It is no fault of the server's: repeating it is as useless as after a 422.
 */
const isMalformedObject = (status: number, message: string): boolean =>
  status === 500 && message.startsWith("failed to create typed patch object");

function parseStatus(body: Buffer): StatusBody | undefined {
  try {
    const parsed: unknown = JSON.parse(body.toString("utf8"));
    if (typeof parsed !== "object" || parsed === null) return undefined;
    return (parsed as StatusBody).kind === "Status" ? parsed : undefined;
  } catch {
    return undefined;
  }
}
