/** What a caller outside the process may see of an error: the body of a problem answer and of a socket ack. */
export interface PublicError {
  code: string;
  status: number;
  message: string;
  /** Where the input was wrong and what to do; safe to show. */
  details?: Record<string, unknown>;
}

export interface AppErrorOptions {
  /** Stable, documented, snake_case. */
  code: string;
  /** HTTP status. */
  status: number;
  /** A sentence for people; never holds a secret. */
  message: string;
  details?: Record<string, unknown>;
  /** Logged, never shown. */
  cause?: unknown;
}

/** The one error type that crosses layers on purpose; anything else is a fault of ours. */
export class AppError extends Error {
  readonly code: string;
  readonly status: number;
  readonly details: Record<string, unknown> | undefined;

  constructor({ code, status, message, details, cause }: AppErrorOptions) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "AppError";
    this.code = code;
    this.status = status;
    this.details = details;
  }
}

export function isAppError(error: unknown): error is AppError {
  return error instanceof AppError;
}

/** Turns any thrown value into what a caller may see; unknown errors become a bare `internal_error`. */
export function toPublicError(error: unknown): PublicError {
  if (!isAppError(error)) {
    return { code: "internal_error", status: 500, message: "Something went wrong on the platform." };
  }
  const { code, status, message, details } = error;
  return details === undefined ? { code, status, message } : { code, status, message, details };
}

/** The message of any thrown value, for logs. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

type Thrown = Omit<AppErrorOptions, "status" | "code"> & { code?: string };

export const badRequest = (options: Thrown): AppError =>
  new AppError({ code: "invalid_request", ...options, status: 400 });
export const unauthorized = (options: Thrown): AppError =>
  new AppError({ code: "unauthorized", ...options, status: 401 });
export const forbidden = (options: Thrown): AppError =>
  new AppError({ code: "forbidden", ...options, status: 403 });
export const notFound = (options: Thrown): AppError =>
  new AppError({ code: "not_found", ...options, status: 404 });
export const conflict = (options: Thrown): AppError =>
  new AppError({ code: "conflict", ...options, status: 409 });
