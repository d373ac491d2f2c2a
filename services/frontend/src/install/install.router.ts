import { AppError, createMemoryTryLimits, notFound, validate } from "@rciots/runtime";
import { Router, type Request, type RequestHandler, type Response } from "express";
import { z } from "zod";
import { addressKey } from "../auth/login-guard.ts";
import type { InstallFile, InstallFiles } from "./install-files.ts";

const dnsLabel = z
  .string()
  .max(63)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, "must be lower-case letters, digits and hyphens");
const listOf = <Item extends z.ZodType>(item: Item) =>
  z.preprocess((value) => (Array.isArray(value) ? (value as unknown[]) : [value]), z.array(item).max(20));
const choicesQuery = z.strictObject({
  namespace: listOf(dnsLabel)
    .refine((names) => new Set(names).size === names.length, "must not name a namespace twice")
    .refine((names) => !names.includes("rciots-agent"), "must not be the agent's own namespace")
    .optional(),
  access: z.enum(["namespaces", "cluster-admin"]).default("namespaces"),
  deviceName: dnsLabel.optional(),
});

/** From one address within a minute: a site that installs hundreds of devices stays below it. */
const defaultRequestsPerMinute = 300;

/**
 * What an administrator's `oc`, `kubectl`, `helm` and `npx` fetch; they carry no session, so it is public, and holds
 * nothing secret. Mounted at `/install`.
 */
export function installRouter(
  files: InstallFiles,
  { requestsPerMinute = defaultRequestsPerMinute }: { requestsPerMinute?: number | undefined } = {},
): Router {
  const router = Router({ strict: true, caseSensitive: true });
  router.use(limitRate(requestsPerMinute));
  router.get("/openshift-template.yaml", (request, response) => {
    send(request, response, files.openshiftTemplate());
  });
  router.get("/kubernetes.yaml", (request, response) => {
    const { namespace = [], access, deviceName = "" } = validate(choicesQuery, request.query, "query");
    send(request, response, files.kubernetesManifests({ namespaces: namespace, access, deviceName }));
  });
  router.get("/rciots-agent-:version.tgz", (request, response) => {
    if (request.params["version"] !== files.chartVersion) {
      const message = `This platform has the chart of version ${files.chartVersion}.`;
      throw notFound({ code: "chart_version_not_found", message });
    }
    send(request, response, files.chart());
  });
  router.get("/npm/rciots-agent-:version.tgz", (request, response) => {
    const file = files.hostPackage();
    if (file === undefined) {
      const message = "The agent was not built where this platform runs: run `npm run build` there.";
      throw notFound({ code: "agent_package_not_built", message });
    }
    if (request.params["version"] !== files.agentVersion) {
      const message = `This platform has the agent of version ${files.agentVersion}.`;
      throw notFound({ code: "agent_version_not_found", message });
    }
    send(request, response, file);
  });
  return router;
}

function send(request: Request, response: Response, { content, contentType, etag }: InstallFile): void {
  response.setHeader("etag", etag);
  response.setHeader("cache-control", "no-cache");
  if (request.header("if-none-match") === etag) return void response.status(304).end();
  response.setHeader("content-type", contentType);
  response.setHeader("content-length", content.byteLength);
  response.end(content);
}

/** By this process alone: it bounds the work that fetching makes, and keeps no secret. */
function limitRate(requestsPerMinute: number): RequestHandler {
  const limit = createMemoryTryLimits().limit({
    name: "install",
    tries: requestsPerMinute,
    windowMs: 60_000,
  });
  return async (request, _response, next) => {
    const retryAfterMs = await limit.take(addressKey(request.ip ?? "unknown"));
    if (retryAfterMs > 0) {
      throw new AppError({
        code: "too_many_requests",
        status: 429,
        message: "Too many requests from your address. Wait before you try again.",
        details: { retryAfterMs },
      });
    }
    next();
  };
}
