import { createSecureContext, type SecureContext } from "node:tls";
import type { AcceptStream } from "@rciots/protocol";
import { dialTls, type Logger, type ProxyChoice } from "@rciots/runtime";
import type { DeviceIdentity } from "../identity/identity.store.ts";
import type { PlatformHandlers } from "./call-dispatcher.ts";
import { endByError, sessionError } from "./session-fault.ts";
import { openSession, type Session } from "./session.ts";
import { systemRoots, type Trust } from "./trust.ts";

export interface ConnectionOptions {
  trust: Trust;
  proxyFor?: ProxyChoice | undefined;
  headers?: Readonly<Record<string, string>> | undefined;
  handlers: PlatformHandlers;
  /** Takes up the streams that the platform opens; absent where it may open none. */
  acceptStream?: AcceptStream | undefined;
  logger: Logger;
  /** From the first packet to the end of the TLS handshake. Default 20,000. */
  connectTimeoutMs?: number;
}

/**
 * TLS was agreed on, and then the platform hung up without a word: as it does with a certificate that does not
 * lead to its roots, and as anything does that is killed.
 */
export const cutCode = "cut";

/** Opens a session with this identity. Rejects with an AppError that has the code of `SessionEnd`. */
export type Connect = (identity: DeviceIdentity, signal: AbortSignal) => Promise<Session>;

/** Connects to the edge endpoint; keeps the TLS ticket of one connection for the next. */
export function createPlatformConnection(options: ConnectionOptions): Connect {
  const { trust, proxyFor, headers, handlers, acceptStream, logger, connectTimeoutMs = 20_000 } = options;
  let ticket: { session: Buffer; certificateChain: string } | undefined;
  let known: { secureContext: SecureContext; identity: DeviceIdentity } | undefined;

  /**
   * Keys and certificates are parsed once for each identity: a device that knocks at a busy platform again and again
   * must not spend its CPU on that. The system's roots are read anew, since they may have been updated.
   */
  function secureContextOf(identity: DeviceIdentity): SecureContext {
    if (known?.identity === identity && trust.kind !== "system") return known.secureContext;
    const { privateKey, certificateChain, caCertificates } = identity;
    const secureContext = createSecureContext({
      key: privateKey,
      cert: certificateChain,
      ca: [caCertificates, ...configuredRoots(trust)],
      minVersion: "TLSv1.2",
    });
    known = { secureContext, identity };
    return secureContext;
  }

  function tlsOf(identity: DeviceIdentity) {
    // A ticket stands for the certificate it was given to; with a new one it would hide that.
    if (ticket?.certificateChain !== identity.certificateChain) ticket = undefined;
    return {
      secureContext: secureContextOf(identity),
      ...(ticket === undefined ? {} : { session: ticket.session }),
    };
  }

  return async (identity, signal) => {
    const url = new URL(identity.edgeUrl);
    const host = url.hostname.replace(/^\[|\]$/g, "");
    const port = url.port === "" ? 443 : Number(url.port);
    const { certificateChain, deviceId, deviceToken, edgeUrl } = identity;
    let isDialled = false;
    try {
      const socket = await dialTls({
        host,
        port,
        proxy: proxyFor?.(host, port),
        timeoutMs: connectTimeoutMs,
        signal,
        tls: tlsOf(identity),
        onSession: (session) => (ticket = { session, certificateChain }),
      });
      isDialled = true;
      const auth = { deviceId, deviceToken };
      return await openSession({ socket, edgeUrl, auth, headers, handlers, acceptStream, logger });
    } catch (error) {
      const end = endByError(error);
      const isCut = isDialled && ["unreachable", "closed"].includes(end.code);
      const code = isCut ? cutCode : end.code;
      if (isCut || code.startsWith("certificate_")) ticket = undefined;
      throw sessionError({ ...end, code, retryAfterMs: retryAfterOf(error) });
    }
  };
}

/** Besides the roots that came with the identity: what the one who runs the agent trusts. */
function configuredRoots(trust: Trust): string[] {
  if (trust.kind === "system") return systemRoots();
  return trust.kind === "ca" ? [trust.pem] : [];
}

function retryAfterOf(error: unknown): number | undefined {
  const details = (error as { details?: { retryAfterMs?: unknown } } | undefined)?.details;
  return typeof details?.retryAfterMs === "number" ? details.retryAfterMs : undefined;
}
