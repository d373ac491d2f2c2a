import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { AppError, badRequest, unauthorized, validate } from "@rciots/runtime";
import type { Request } from "express";
import { z } from "zod";
import { addressOf, present, readCredential } from "../auth/authenticate.ts";
import { authorize, type Caller, type Member } from "../auth/caller.ts";
import type { Identify, Presented } from "../auth/identify.ts";
import { checkOrigin } from "../auth/session-cookie.ts";
import type { RequestContext, Route } from "./route.ts";
import type { UpgradeRequest } from "./socket-refusal.ts";
import { organizationQuery, type PreparedSocket, type SocketInput, type SocketPart } from "./socket-route.ts";

/** Who asks for a WebSocket of which route, and with what. */
export interface SocketCall {
  presented: Presented;
  caller: Member;
  context: RequestContext;
  /** As `SocketPart.prepare`, for this call. */
  prepare(caller: Member): Promise<PreparedSocket>;
}

export interface SocketAdmission {
  /** Throws what refuses it. */
  callOf(route: Route, part: SocketPart, upgrade: UpgradeRequest, requestId: string): Promise<SocketCall>;
  /** Throws 401 or 403 unless this caller may use the route. */
  requireMember(route: Route, caller: Caller): Member;
  /** Whether the request comes from a page of the console. */
  isOwnPage(message: IncomingMessage): boolean;
}

const nothing = z.strictObject({});
const organizationField = z.string().min(1).max(64).optional();
const organizationHeader = "x-rciots-organization";
const maxUserAgentChars = 256;

const signal = new AbortController().signal;

/** The id that a caller gave, where it is short and plain, or one of our own. */
export function requestIdOf(message: IncomingMessage): string {
  const given = message.headers["x-request-id"];
  return typeof given === "string" && /^[A-Za-z0-9._-]{1,64}$/.test(given) ? given : randomUUID();
}

function requireHandshake({ method, headers }: IncomingMessage): void {
  if (method !== "GET" || headers.upgrade?.toLowerCase() !== "websocket") {
    const message = "Only a WebSocket can be had here: GET with Upgrade: websocket.";
    throw new AppError({ code: "upgrade_required", status: 426, message });
  }
  const isKey = /^[+/0-9A-Za-z]{22}==$/.test(headers["sec-websocket-key"] ?? "");
  if (isKey && headers["sec-websocket-version"] === "13") return;
  throw badRequest({ code: "invalid_handshake", message: "The request is no handshake of WebSocket 13." });
}

/** Decides who may open which WebSocket, by the same rules as for requests. */
export function createSocketAdmission(options: {
  identify: Identify;
  publicOrigins: readonly string[];
  requestOf: (message: IncomingMessage) => Request;
}): SocketAdmission {
  const { identify, publicOrigins, requestOf } = options;

  /** A browser sends a cookie, and Basic credentials, by itself: then the page must be ours. */
  function presentedBy(request: Request, organizationId: string | undefined): Presented {
    const credential = readCredential(request);
    if (credential === undefined) {
      throw unauthorized({ message: "Sign in, or send an API token: Authorization: Bearer rca_..." });
    }
    if (credential.kind !== "bearer") checkOrigin(request, publicOrigins);
    return present(credential, { organizationId, address: addressOf(request) });
  }

  function requireMember(route: Route, caller: Caller): Member {
    authorize(route, caller);
    // A role of the route means: within an organisation.
    return caller as Member;
  }

  function contextOf(request: Request, requestId: string): RequestContext {
    return {
      requestId,
      address: addressOf(request),
      userAgent: (request.header("user-agent") ?? "").slice(0, maxUserAgentChars),
      ifMatch: undefined,
      origin: `${request.protocol}://${request.host ?? "localhost"}`,
      isSecure: request.secure,
      // What ends it is the signal of the socket.
      signal,
      csrfToken: null,
    };
  }

  return {
    requireMember,
    async callOf(route, part, upgrade, requestId) {
      const request = requestOf(upgrade.request);
      requireHandshake(upgrade.request);
      const { [organizationQuery]: named, ...rest } = request.query;
      const fromQuery = validate(organizationField, named, "query");
      const presented = presentedBy(request, request.header(organizationHeader) ?? fromQuery);
      const caller = requireMember(route, await identify(presented));
      const params = validate(route.params ?? nothing, upgrade.params, "path");
      const query = validate(route.query ?? nothing, rest, "query");
      const context = contextOf(request, requestId);
      const inputOf = (now: Member) =>
        // The schemas of this very route made them.
        ({ caller: now, params, query, context }) as unknown as SocketInput<z.ZodType, z.ZodType>;
      return { presented, caller, context, prepare: (now) => part.prepare(inputOf(now)) };
    },
    isOwnPage(message) {
      if (message.headers.origin === undefined) return false;
      try {
        checkOrigin(requestOf(message), publicOrigins);
        return true;
      } catch {
        return false;
      }
    },
  };
}
