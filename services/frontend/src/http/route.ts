import type { Role } from "@rciots/store";
import type { z } from "zod";
import type { Caller, Member } from "../auth/caller.ts";
import type { SocketPart } from "./socket-route.ts";

export type Method = "get" | "post" | "put" | "patch" | "delete";

/**
 * Who may call a route. A role means: a member of the organisation with this role or a higher one.
 * `signed-in` needs no membership; `public` needs nothing.
 */
export type Access = "public" | "signed-in" | "platform-admin" | Role;

/** What a handler may know of the request besides its input. */
export interface RequestContext {
  requestId: string;
  /** Network address of the caller. */
  address: string;
  /** What the caller's program calls itself, cut to 256 characters; empty where it doesn't say. */
  userAgent: string;
  /** The version that `If-Match` names; undefined where the header is absent or `*`. */
  ifMatch: number | undefined;
  /** Scheme, host and port as the caller wrote them, such as `http://localhost:8080`: to be quoted, not trusted. */
  origin: string;
  /** Whether the caller's connection is HTTPS as far as is known. */
  isSecure: boolean;
  /** Aborted once the caller is gone, so that work nobody waits for ends. */
  signal: AbortSignal;
  /** Of the session cookie that came along; null where none did. */
  csrfToken: string | null;
}

export interface Reply<Body> {
  body: Body;
  /** Becomes the `ETag`. */
  version?: number;
  headers?: Record<string, string>;
  /** Instead of the body: text that is sent as it comes, as fast as the caller takes it. */
  stream?: { contentType: string; chunks: AsyncIterable<string> };
  /** Instead of the status that the route declares, such as 200 where a PUT replaced something. */
  status?: number;
}

type Output<Schema> = Schema extends z.ZodType ? z.output<Schema> : undefined;
type ReplyBody<Schema> = Schema extends z.ZodType ? z.input<Schema> : undefined;
type OptionalSchema = z.ZodType | undefined;

export interface Input<Who, Params, Query, Body> {
  caller: Who;
  params: Output<Params>;
  query: Output<Query>;
  body: Output<Body>;
  context: RequestContext;
}

interface Description {
  method: Method;
  /** Below `/api/v1`, such as `/devices/{id}`. */
  path: string;
  /** `operationId`: unique, camelCase. */
  id: string;
  tag: string;
  summary: string;
  description?: string;
  /** Refused to API tokens: what would let a leaked one prolong or widen itself. */
  sessionOnly?: boolean;
  /** Takes `If-Match`; answers 412 where the version differs. */
  conditional?: boolean;
  /** Default 65,536. */
  bodyLimitBytes?: number;
  /** A body as somebody would send it, for the reference. */
  example?: unknown;
  /** Statuses of the refusals that are particular to this route. */
  problems?: number[];
}

interface Schemas<
  Params extends OptionalSchema,
  Query extends OptionalSchema,
  Body extends OptionalSchema,
  Result extends OptionalSchema,
> {
  params?: Params;
  query?: Query;
  body?: Body;
  success: {
    status: 200 | 201 | 202 | 204;
    about: string;
    schema?: Result;
    /** Of a route that answers a stream. */
    mediaTypes?: string[];
  };
}

type Spec<
  Who,
  Allowed extends Access,
  Params extends OptionalSchema,
  Query extends OptionalSchema,
  Body extends OptionalSchema,
  Result extends OptionalSchema,
> = Description &
  Schemas<Params, Query, Body, Result> & {
    access: Allowed;
    handler: (input: Input<Who, Params, Query, Body>) => Promise<Reply<ReplyBody<Result>>>;
  };

/** A route with its types erased: what is mounted, documented and tested. */
export interface Route extends Description {
  access: Access;
  params: z.ZodType | undefined;
  query: z.ZodType | undefined;
  body: z.ZodType | undefined;
  success: {
    status: number;
    about: string;
    schema: z.ZodType | undefined;
    mediaTypes: string[] | undefined;
  };
  run: (input: Input<Caller | null, z.ZodType, z.ZodType, z.ZodType>) => Promise<Reply<unknown>>;
  /** Of a route that a WebSocket is opened on. */
  socket?: SocketPart;
}

function erase<
  Who,
  Allowed extends Access,
  P extends OptionalSchema,
  Q extends OptionalSchema,
  B extends OptionalSchema,
  R extends OptionalSchema,
>(spec: Spec<Who, Allowed, P, Q, B, R>): Route {
  const { handler, params, query, body, success, ...description } = spec;
  return {
    ...description,
    params,
    query,
    body,
    success: {
      status: success.status,
      about: success.about,
      schema: success.schema,
      mediaTypes: success.mediaTypes,
    },
    // The dispatcher hands over what these very schemas made of the request, and the caller that `access` asks for.
    run: (input) => handler(input as unknown as Input<Who, P, Q, B>),
  };
}

/** A route within the caller's organisation. */
export function defineRoute<
  P extends OptionalSchema = undefined,
  Q extends OptionalSchema = undefined,
  B extends OptionalSchema = undefined,
  R extends OptionalSchema = undefined,
>(spec: Spec<Member, Role, P, Q, B, R>): Route {
  return erase(spec);
}

/** A route about the caller's own account, or the platform as a whole. */
export function defineAccountRoute<
  P extends OptionalSchema = undefined,
  Q extends OptionalSchema = undefined,
  B extends OptionalSchema = undefined,
  R extends OptionalSchema = undefined,
>(spec: Spec<Caller, "signed-in" | "platform-admin", P, Q, B, R>): Route {
  return erase(spec);
}

/** A route that needs no account. */
export function definePublicRoute<
  P extends OptionalSchema = undefined,
  Q extends OptionalSchema = undefined,
  B extends OptionalSchema = undefined,
  R extends OptionalSchema = undefined,
>(spec: Spec<null, "public", P, Q, B, R>): Route {
  return erase(spec);
}

/** Whether a call of the route changes nothing, so that a suspended organisation may be asked for it. */
export function isRead(route: Pick<Route, "method"> & Partial<Pick<Route, "socket">>): boolean {
  return route.socket?.isRead ?? route.method === "get";
}

/** Whether calls of the route are about one organisation, which a header may name. */
export function isWithinOrganization(route: Pick<Route, "access">): boolean {
  return !["public", "signed-in", "platform-admin"].includes(route.access);
}
