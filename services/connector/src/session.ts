import type { TLSSocket } from "node:tls";
import type { Socket } from "socket.io";
import type { DesiredState, Multiplexer } from "@rciots/protocol";
import type { Refusal } from "./refusal.ts";
import type { TokenBucket } from "./token-bucket.ts";

/** What the peer proved at connect. */
export interface SessionIdentity {
  readonly deviceId: string;
  readonly organizationId: string;
  readonly serial: string;
  /** SHA-256 of the issuing intermediate. */
  readonly issuerId: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Digest of the device token it showed. */
  readonly tokenHash: string;
}

/**
 * `opening`: being checked; `connected`: waits for hello; `live`: may call; `ended`: nothing it sends counts.
 * A session never goes back.
 */
export type SessionState = "opening" | "connected" | "live" | "ended";

/** One of ten thousand: fields only, no closures. */
export interface Session {
  readonly id: string;
  readonly identity: SessionIdentity;
  readonly deviceName: string;
  readonly address: string | null;
  readonly openedAt: number;
  readonly socket: Socket;
  readonly transport: TLSSocket;
  state: SessionState;
  /** Why it ended, where the connector ended it. */
  ending: Refusal | undefined;
  /** Known once it is open. */
  epoch: number;
  /** What the agent says it can do; empty before hello. */
  capabilities: readonly string[];
  /** Calls being handled, and how many of them read bundles. */
  calls: number;
  reads: number;
  /** Calls of others that the device has not answered. */
  asked: number;
  /** When a call either way last began or ended. */
  workedAt: number;
  /** Highest revision the device was told of, and what of. */
  told: Pick<DesiredState, "kind" | "revision"> & { digest: string | null };
  /** Revision of an offer that waits for its acknowledgement; -1 for none. */
  offering: number;
  /** Of the objects last reported. */
  objectsRevision: number;
  /** When the device was last asked to renew its certificate; 0 for never. */
  askedToRenewAt: number;
  /** Made with the session's first stream. */
  streams: Multiplexer | undefined;
  readonly messages: TokenBucket;
  readonly faults: TokenBucket;
}

/** A peer whose device is decommissioned: it is told so, and nothing else. */
export interface Farewell {
  readonly wipeWorkloads: boolean;
  readonly transport: TLSSocket;
}

/** What hangs on a socket.io socket (`socket.data`). */
export interface SocketData {
  session?: Session;
  farewell?: Farewell;
}

export function toldOf(desired: DesiredState): Session["told"] {
  return {
    kind: desired.kind,
    revision: desired.revision,
    digest: desired.kind === "bundle" ? desired.digest : null,
  };
}

export function isSameContent(a: Session["told"], b: Session["told"]): boolean {
  return a.kind === b.kind && a.revision === b.revision && a.digest === b.digest;
}
