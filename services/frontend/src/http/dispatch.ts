import { AppError, badRequest, requestId, validate } from "@rciots/runtime";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Router, type ErrorRequestHandler, type Request, type RequestHandler, type Response } from "express";
import { z } from "zod";
import { addressOf } from "../auth/authenticate.ts";
import { authorize, type Caller } from "../auth/caller.ts";
import { checkOrigin, csrfTokenOf, readSessionCookie } from "../auth/session-cookie.ts";
import { etagOf, parseIfMatch } from "./etag.ts";
import { checkBodyLength, defaultBodyLimitBytes, readJsonBody, refuseBody } from "./json-body.ts";
import { isRead, type Reply, type RequestContext, type Route } from "./route.ts";

const nothing = z.strictObject({});
const maxUserAgentChars = 256;

const clientGone = new AppError({
  code: "client_gone",
  status: 499,
  message: "The caller did not wait for the answer.",
});

/** Aborted, once the answer is sent or the connection closed, without the cost of an exception with a stack. */
function signalOf(response: Response): AbortSignal {
  const ending = new AbortController();
  response.once("close", () => ending.abort(clientGone));
  return ending.signal;
}

function contextOf(request: Request, response: Response, route: Route): RequestContext {
  const sessionToken = readSessionCookie(request.header("cookie"));
  return {
    requestId: requestId(response),
    address: addressOf(request),
    userAgent: (request.header("user-agent") ?? "").slice(0, maxUserAgentChars),
    ifMatch: route.conditional === true ? parseIfMatch(request.header("if-match")) : undefined,
    origin: `${request.protocol}://${request.host ?? "localhost"}`,
    isSecure: request.secure,
    signal: signalOf(response),
    csrfToken: sessionToken === undefined ? null : csrfTokenOf(sessionToken),
  };
}

async function sendStream(response: Response, chunks: AsyncIterable<string>): Promise<void> {
  try {
    await pipeline(Readable.from(chunks), response);
  } catch (error) {
    // A caller who goes away is no fault of ours. Otherwise the answer breaks off: its end would be a lie.
    if (!(error instanceof Error && "code" in error && error.code === "ERR_STREAM_PREMATURE_CLOSE"))
      throw error;
  }
}

async function send(
  request: Request,
  response: Response,
  route: Route,
  reply: Reply<unknown>,
): Promise<void> {
  const status = reply.status ?? route.success.status;
  if (reply.version !== undefined) response.setHeader("etag", etagOf(reply.version));
  response.setHeaders(new Map(Object.entries(reply.headers ?? {})));
  response.statusCode = status;
  if (status === 204) return void response.end();
  if (reply.stream !== undefined) {
    response.setHeader("content-type", reply.stream.contentType);
    if (request.method === "HEAD") return void response.end();
    return sendStream(response, reply.stream.chunks);
  }
  response.setHeader("content-type", "application/json; charset=utf-8");
  response.end(JSON.stringify(reply.body));
}

export interface DispatchOptions {
  routes: readonly Route[];
  authenticate: (request: Request) => Promise<Caller | null>;
  /** Origins of the console. */
  publicOrigins: readonly string[];
}

async function identify(route: Route, request: Request, options: DispatchOptions): Promise<Caller | null> {
  if (route.access !== "public") return options.authenticate(request);
  // Another site's page must not sign a browser in, as whomever.
  if (!isRead(route)) checkOrigin(request, options.publicOrigins);
  return null;
}

function serve(
  route: Route,
  options: DispatchOptions,
): (request: Request, response: Response) => Promise<void> {
  return async (request, response) => {
    response.locals["route"] = `/api/v1${route.path}`;
    const bodyLimitBytes = route.bodyLimitBytes ?? defaultBodyLimitBytes;
    checkBodyLength(request, bodyLimitBytes);
    const caller = await identify(route, request, options);
    authorize(route, caller);
    const context = contextOf(request, response, route);
    const params = validate(route.params ?? nothing, request.params, "path");
    const query = validate(route.query ?? nothing, request.query, "query");
    if (route.body === undefined) await refuseBody(request);
    const body =
      route.body === undefined
        ? undefined
        : validate(route.body, await readJsonBody(request, bodyLimitBytes), "body");
    // The schemas of this very route made them.
    const input = { caller, params, query, body, context } as unknown as Parameters<Route["run"]>[0];
    await send(request, response, route, await route.run(input));
  };
}

function answerMethodNotAllowed(methods: string[]): RequestHandler {
  return (request, response) => {
    response.setHeader("allow", methods.join(", "));
    throw new AppError({
      code: "method_not_allowed",
      status: 405,
      message: `${request.method} is not possible here; ${methods.join(", ")} is.`,
    });
  };
}

/** `/devices/{id}` as express writes it. */
const expressPath = (path: string): string => path.replace(/\{(\w+)\}/g, ":$1");

/** Mounts the table; what it doesn't list is answered 404, or 405 where the path has other methods. */
export function mountRoutes(options: DispatchOptions): Router {
  const router = Router({ strict: true, caseSensitive: true });
  const methodsOf = new Map<string, string[]>();
  for (const route of options.routes) {
    const path = expressPath(route.path);
    router[route.method](path, serve(route, options));
    methodsOf.set(path, [...(methodsOf.get(path) ?? []), route.method.toUpperCase()]);
  }
  for (const [path, methods] of methodsOf) router.all(path, answerMethodNotAllowed(methods));
  return router;
}

/** Turns what express itself throws into answers. */
export function prepareProblems(): ErrorRequestHandler {
  return (thrown: unknown, _request, _response, next) => {
    if (thrown instanceof URIError) {
      return next(badRequest({ code: "invalid_path", message: "The path is not valid percent-encoding." }));
    }
    next(thrown);
  };
}
