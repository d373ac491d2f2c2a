import type { ErrorRequestHandler, Request, RequestHandler, Response } from "express";
import { randomUUID } from "node:crypto";
import { AppError, badRequest, isAppError, notFound, toPublicError } from "../app-error.ts";
import type { Logger } from "../logger.ts";

const statusTitles: Record<number, string> = {
  400: "Bad request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not found",
  405: "Method not allowed",
  409: "Conflict",
  412: "Precondition failed",
  413: "Too large",
  415: "Unsupported media type",
  422: "Can't be processed",
  426: "Upgrade required",
  428: "Precondition required",
  429: "Too many requests",
  500: "Internal error",
  503: "Unavailable",
};

/** The id of this request, in its answer's `x-request-id` and in every log line about it. */
export function requestId(response: Response): string {
  return response.locals["requestId"] as string;
}

/** Gives each request an id; a caller's own is kept where it is short and plain. */
export function assignRequestId(): RequestHandler {
  return (request, response, next) => {
    const given = request.header("x-request-id");
    const id = given !== undefined && /^[A-Za-z0-9._-]{1,64}$/.test(given) ? given : randomUUID();
    response.locals["requestId"] = id;
    response.setHeader("x-request-id", id);
    next();
  };
}

/**
 * Logs each finished request: method, path without its query, status, duration, and the device it is about where a route
 * left that in `response.locals.deviceId`.
 */
export function logRequests(logger: Logger): RequestHandler {
  return (request, response, next) => {
    const startedAt = performance.now();
    response.on("finish", () => {
      const deviceId: unknown = response.locals["deviceId"];
      const fields = {
        requestId: requestId(response),
        method: request.method,
        path: request.originalUrl.split("?")[0],
        status: response.statusCode,
        durationMs: Math.round(performance.now() - startedAt),
        ...(typeof deviceId === "string" ? { deviceId } : {}),
      };
      logger.info(fields, "request");
    });
    next();
  };
}

// Errors of express's own parsers carry `status` and `type`.
function fromParser(error: unknown): AppError | undefined {
  if (!(error instanceof Error) || !("type" in error)) return undefined;
  if (error.type === "entity.too.large") {
    const limit = "limit" in error ? String(error.limit) : "its limit";
    return new AppError({
      code: "body_too_large",
      status: 413,
      message: `The body is larger than ${limit} bytes.`,
      cause: error,
    });
  }
  if (error.type === "entity.parse.failed") {
    return badRequest({
      code: "invalid_json",
      message: `The body is not valid JSON: ${error.message}`,
      cause: error,
    });
  }
  return badRequest({ code: "invalid_body", message: "The body can't be read.", cause: error });
}

/** Anything thrown as RFC 9457 problem details, and the headers that go with them. Holds no cause. */
export function problemOf(
  thrown: unknown,
  id: string,
): { status: number; headers: Record<string, string>; body: Record<string, unknown> } {
  const { code, status, message, details } = toPublicError(thrown);
  const retryAfterMs = details?.["retryAfterMs"];
  return {
    status,
    headers: {
      ...(status === 401 ? { "www-authenticate": "Bearer" } : {}),
      ...(typeof retryAfterMs === "number"
        ? { "retry-after": String(Math.max(1, Math.ceil(retryAfterMs / 1_000))) }
        : {}),
    },
    body: {
      ...details,
      type: `urn:rciots:error:${code}`,
      title: statusTitles[status] ?? "Error",
      status,
      detail: message,
      code,
      requestId: id,
    },
  };
}

/** The one writer of errors: RFC 9457 problem details. The cause is logged, never sent. */
export function answerProblems(logger: Logger): ErrorRequestHandler {
  return (thrown: unknown, request, response, next) => {
    if (response.headersSent) return next(thrown);
    const error = isAppError(thrown) ? thrown : (fromParser(thrown) ?? thrown);
    const id = requestId(response);
    const { status, headers, body } = problemOf(error, id);
    if (status >= 500) logger.error({ requestId: id, path: request.path, err: thrown }, "request failed");
    for (const [name, value] of Object.entries(headers))
      if (!response.hasHeader(name)) response.setHeader(name, value);
    response.status(status).type("application/problem+json").json(body);
  };
}

/** Ends the chain of routes. */
export function answerUnknownRoute(): RequestHandler {
  return (request: Request) => {
    throw notFound({ code: "unknown_route", message: `There is no ${request.method} ${request.path}.` });
  };
}
