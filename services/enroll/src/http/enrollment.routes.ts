import express, { Router, type RequestHandler } from "express";
import { enrollRequest, recoverRequest } from "@rciots/protocol";
import { AppError, hashToken, isAppError, validate } from "@rciots/runtime";
import type { Audit } from "../audit.ts";
import type { EnrollmentService } from "../enrollment/enrollment.service.ts";
import type { RecoveryService } from "../enrollment/recovery.service.ts";
import type { TokenLookup } from "../enrollment/token-lookup.ts";
import type { Outcomes } from "../outcomes.ts";
import { clientKey, type RateLimits } from "../rate-limits.ts";
import { refuse } from "../refusals.ts";
import { readBearer } from "./bearer.ts";
import { clientAddress } from "./client.ts";

export interface EnrollmentRoutesOptions {
  enrollment: EnrollmentService;
  recovery: RecoveryService;
  tokens: TokenLookup;
  rateLimits: RateLimits;
  audit: Audit;
  outcomes: Outcomes;
}

const bodyLimitBytes = 65_536;

const requireJson: RequestHandler = (request, _response, next) => {
  if (request.is("application/json") !== false) return next();
  throw new AppError({
    code: "unsupported_media_type",
    status: 415,
    message: "Send the body as application/json.",
  });
};

/** `POST /v1/enroll` and `POST /v1/recover`. */
export function createEnrollmentRoutes(options: EnrollmentRoutesOptions): Router {
  const router = Router();
  const body = [requireJson, express.json({ limit: bodyLimitBytes })];
  router.post("/v1/enroll", limitEnrollment(options), body, answerEnrollment(options));
  router.post("/v1/recover", body, answerRecovery(options));
  return router;
}

/** Before the body is read: who guesses tokens gets no work out of the platform. */
function limitEnrollment({ tokens, rateLimits }: EnrollmentRoutesOptions): RequestHandler {
  return async (request, response, next) => {
    const hash = hashToken(readBearer(request, "provisioning token"));
    response.locals["tokenHash"] = hash;
    if (!tokens.isKnown(hash)) await rateLimits.check("failuresPerAddress", clientKey(request.ip));
    await rateLimits.check("failuresPerToken", hash);
    await rateLimits.count("requestsPerToken", hash);
    next();
  };
}

function answerEnrollment(options: EnrollmentRoutesOptions): RequestHandler {
  const { enrollment, tokens, rateLimits, audit, outcomes } = options;
  return async (request, response) => {
    const hash = response.locals["tokenHash"] as string;
    const asked = validate(enrollRequest, request.body);
    const token = await tokens.find(hash);
    if (token === undefined) throw refuse("token_not_found");
    const address = clientAddress(request);
    try {
      const answer = await enrollment.enroll({ token, request: asked, address });
      outcomes.count("enroll", answer.status);
      response.locals["deviceId"] = answer.deviceId;
      response.setHeader("cache-control", "no-store");
      if (answer.status === "pending") {
        response.setHeader("retry-after", Math.ceil(answer.retryAfterMs / 1_000));
      }
      response.status(answer.status === "pending" ? 202 : 201).json(answer);
    } catch (error) {
      if (isAppError(error) && error.status < 500) {
        await rateLimits.tryCount("failuresPerToken", hash);
        await audit.recordRefusal({ token, error, deviceName: asked.name, address });
      }
      throw error;
    }
  };
}

function answerRecovery({ recovery, rateLimits, outcomes }: EnrollmentRoutesOptions): RequestHandler {
  return async (request, response) => {
    const deviceToken = readBearer(request, "device token");
    const asked = validate(recoverRequest, request.body);
    response.locals["deviceId"] = asked.deviceId;
    const caller = `${asked.deviceId}/${clientKey(request.ip)}`;
    await rateLimits.check("failuresPerDevice", caller);
    await rateLimits.check("recoveriesPerDevice", asked.deviceId);
    try {
      const answer = await recovery.recover({ deviceToken, request: asked, address: clientAddress(request) });
      outcomes.count("recover", "approved");
      await rateLimits.tryCount("recoveriesPerDevice", asked.deviceId);
      response.setHeader("cache-control", "no-store");
      response.status(201).json(answer);
    } catch (error) {
      if (isAppError(error) && error.status < 500) await rateLimits.tryCount("failuresPerDevice", caller);
      throw error;
    }
  };
}
