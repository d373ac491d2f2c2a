import type { ConnectRefusal, SessionErrorCode } from "@rciots/protocol";

/** Why a session is refused or ended. */
export interface Refusal extends ConnectRefusal {
  code: SessionErrorCode;
  message: string;
}

/** Without `retryAfterMs` the peer is told that waiting does not help. */
export function refusal(code: SessionErrorCode, message: string, retryAfterMs?: number): Refusal {
  return retryAfterMs === undefined ? { code, message } : { code, message, retryAfterMs };
}

/** Half to one and a half of `meanMs`, so that those who were refused together do not come back together. */
export function spread(meanMs: number, random: () => number = Math.random): number {
  return Math.round(meanMs * (0.5 + random()));
}

/** What socket.io's middleware takes: `data` reaches the peer in the CONNECT_ERROR packet. */
export function refusalError(data: Refusal): Error & { data: Refusal } {
  return Object.assign(new Error(data.code), { data });
}
