import { AppError } from "@rciots/runtime";
import type { Role } from "@rciots/store";
import type { z } from "zod";
import type { AuditRecord } from "../audit/audit.ts";
import type { Member } from "../auth/caller.ts";
import type { Input, RequestContext, Route } from "./route.ts";
import type { RouteSocket } from "./route-socket.ts";

/** Which organisation, for browsers: they can't send a header with a WebSocket. */
export const organizationQuery = "organizationId";

/** What is needed to open a WebSocket that may be opened. */
export interface PreparedSocket {
  /** Recorded before it opens. With a device, it is judged again as soon as that may no longer connect. */
  opening: Omit<AuditRecord, "organizationId">;
  /** Resolves once nothing of it is left; it is over when `socket.signal` aborts. A rejection ends it. */
  run(socket: RouteSocket): Promise<void>;
}

export interface SocketPart {
  /** Whether it only looks, so that a suspended organisation may be asked for it. */
  isRead: boolean;
  /** Of one message from the peer; a longer one ends it. */
  maxMessageBytes: number;
  /**
   * Throws AppErrors where it may not be opened. It has no effects: it is called again and again while the
   * WebSocket is open, and what it throws then ends it.
   */
  prepare(input: SocketInput<z.ZodType, z.ZodType>): Promise<PreparedSocket>;
}

type OptionalSchema = z.ZodType | undefined;
export type SocketInput<P extends OptionalSchema, Q extends OptionalSchema> = Omit<
  Input<Member, P, Q, undefined>,
  "body"
> & { context: RequestContext };

interface SocketSpec<P extends OptionalSchema, Q extends OptionalSchema> {
  /** Below `/api/v1`, such as `/devices/{id}/connect`. */
  path: string;
  /** `operationId`: unique, camelCase. */
  id: string;
  tag: string;
  summary: string;
  description?: string;
  access: Role;
  params?: P;
  query?: Q;
  /** Default false. */
  isRead?: boolean;
  /** Default 65,536. */
  maxMessageBytes?: number;
  /** What is spoken on it, for the reference. */
  about: string;
  /** Statuses of the refusals that are particular to this route. */
  problems?: number[];
  prepare(input: SocketInput<P, Q>): Promise<PreparedSocket>;
}

const defaultMessageBytes = 65_536;

/** A WebSocket within the caller's organisation: who may open it is decided as for a request, and again while it is open. */
export function defineSocketRoute<P extends OptionalSchema = undefined, Q extends OptionalSchema = undefined>(
  spec: SocketSpec<P, Q>,
): Route {
  const {
    params,
    query,
    isRead = false,
    maxMessageBytes = defaultMessageBytes,
    about,
    prepare,
    ...rest
  } = spec;
  return {
    ...rest,
    method: "get",
    params,
    query,
    body: undefined,
    success: { status: 101, about, schema: undefined, mediaTypes: undefined },
    async run() {
      throw new AppError({
        code: "upgrade_required",
        status: 426,
        message: "This is a WebSocket: ask for one with Upgrade: websocket.",
      });
    },
    // The gateway hands over what these very schemas made of the request.
    socket: { isRead, maxMessageBytes, prepare: (input) => prepare(input as unknown as SocketInput<P, Q>) },
  };
}
