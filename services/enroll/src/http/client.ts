import type { ErrorRequestHandler, Request, RequestHandler } from "express";
import { isAppError } from "@rciots/runtime";
import type { Operation, Outcomes } from "../outcomes.ts";
import { clientKey, type RateLimits } from "../rate-limits.ts";

/** The client's address, from a proxy's header only where the proxy is trusted; null where it has gone. */
export const clientAddress = (request: Request): string | null => {
  const address = request.ip;
  if (address === undefined) return null;
  return address.startsWith("::ffff:") ? address.slice(7) : address;
};

/** The bound on all calls of one address. */
export function limitRequests(rateLimits: RateLimits): RequestHandler {
  return async (request, _response, next) => {
    await rateLimits.count("requestsPerAddress", clientKey(request.ip));
    next();
  };
}

// Of errors that Express's own parsers throw, too.
function statusOf(error: unknown): number {
  if (isAppError(error)) return error.status;
  return error instanceof Error && "status" in error && typeof error.status === "number" ? error.status : 500;
}

/** Calls that no honest client makes; a known token's refusals are counted by token. */
const countedStatuses: ReadonlySet<number> = new Set([400, 401, 404, 413, 415]);

/** Counts failed calls of each address, then passes the error on. */
export function countFailures(rateLimits: RateLimits): ErrorRequestHandler {
  return async (error: unknown, request, _response, next) => {
    if (countedStatuses.has(statusOf(error))) {
      await rateLimits.tryCount("failuresPerAddress", clientKey(request.ip));
    }
    next(error);
  };
}

const operations = new Map<string, Operation>([
  ["/v1/enroll", "enroll"],
  ["/v1/recover", "recover"],
]);

/** Counts refusals of enrolment and recovery wherever they come from, then passes the error on. */
export function countOutcomes(outcomes: Outcomes): ErrorRequestHandler {
  return (error: unknown, request, _response, next) => {
    const operation = operations.get(request.path);
    if (operation !== undefined) outcomes.countError(operation, error);
    next(error);
  };
}
