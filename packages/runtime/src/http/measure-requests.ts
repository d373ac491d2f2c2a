import type { RequestHandler } from "express";
import type { RequestMeasure } from "../measures.ts";

/** Others are made up by whoever asks. */
const methods = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/**
 * Tells of each finished request. The route is what a router left in `response.locals.route`, or the pattern that
 * express matched: never the path itself, of which there is no end.
 */
export function measureRequests(observe: (measure: RequestMeasure) => void): RequestHandler {
  return (request, response, next) => {
    const startedAt = performance.now();
    response.on("finish", () => {
      const matched = request.route as { path?: unknown } | undefined;
      const route: unknown = response.locals["route"] ?? matched?.path;
      observe({
        method: methods.has(request.method) ? request.method : "other",
        route: typeof route === "string" ? route : "other",
        status: response.statusCode,
        seconds: (performance.now() - startedAt) / 1_000,
      });
    });
    next();
  };
}
