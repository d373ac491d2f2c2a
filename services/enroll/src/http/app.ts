import express, { type Express } from "express";
import {
  answerProblems,
  answerUnknownRoute,
  assignRequestId,
  logRequests,
  measureRequests,
  type Logger,
  type RequestMeasure,
} from "@rciots/runtime";
import type { CrlService } from "../authority/crl.service.ts";
import type { Health } from "../health.ts";
import { createAuthorityRoutes } from "./authority.routes.ts";
import { countFailures, countOutcomes, limitRequests } from "./client.ts";
import { createEnrollmentRoutes, type EnrollmentRoutesOptions } from "./enrollment.routes.ts";
import { createHealthRoutes } from "./health.routes.ts";

/** Addresses or networks of proxies, or how many hops; false trusts no header. */
export type TrustProxy = false | number | string[];

export interface AppOptions extends EnrollmentRoutesOptions {
  logger: Logger;
  health: Health;
  crls: CrlService;
  rootCertificates: () => string;
  trustProxy: TrustProxy;
  onRequest: (measure: RequestMeasure) => void;
  now: () => Date;
}

/** The HTTP face of enrolment. Neither bodies nor headers are ever logged. */
export function createApp(options: AppOptions): Express {
  const { logger, rateLimits, health, trustProxy } = options;
  const app = express();
  app.disable("x-powered-by");
  app.set("etag", false);
  app.set("query parser", false);
  app.set("trust proxy", trustProxy);
  app.use(assignRequestId());
  app.use(createHealthRoutes(health));
  app.use(logRequests(logger), measureRequests(options.onRequest));
  app.use(limitRequests(rateLimits));
  app.use(createAuthorityRoutes(options));
  app.use(createEnrollmentRoutes(options));
  app.use(answerUnknownRoute());
  app.use(countFailures(rateLimits), countOutcomes(options.outcomes));
  app.use(answerProblems(logger));
  return app;
}
