import { once } from "node:events";
import type { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";
import { createStreamDuplex, type ByteStream, type DeviceStreams } from "@rciots/protocol";
import { AppError, certificateFingerprint, errorMessage } from "@rciots/runtime";
import type { WebTunnel } from "@rciots/store";
import { isIP } from "node:net";

/** A connection to a device's web server, TLS inside it where that speaks it. */
export interface TargetConnection {
  duplex: Duplex;
  /** What it is carried by. */
  stream: ByteStream;
}

const handshakeMs = 15_000;

function tlsFault(message: string, cause?: unknown): AppError {
  return new AppError({ code: "target_tls_failed", status: 502, message, cause });
}

async function secure(inner: Duplex, tunnel: WebTunnel, signal: AbortSignal): Promise<Duplex> {
  const { target, certificateFingerprint: pinned } = tunnel;
  const name = isIP(target.host) === 0 ? { servername: target.host } : {};
  // Servers of devices have certificates of their own making; a pin is what tells the right one.
  const socket = connectTls({ socket: inner, rejectUnauthorized: false, ...name });
  try {
    await once(socket, "secureConnect", {
      signal: AbortSignal.any([signal, AbortSignal.timeout(handshakeMs)]),
    });
  } catch (error) {
    socket.on("error", () => undefined);
    socket.destroy();
    throw tlsFault(`The device's server agreed on no TLS: ${errorMessage(error)}.`, error);
  }
  const shown = socket.getPeerX509Certificate();
  if (pinned === null || (shown !== undefined && certificateFingerprint(shown.raw) === pinned)) return socket;
  socket.destroy();
  throw tlsFault("The device's server shows another certificate than the one that is set for it.");
}

/** Rejects with AppErrors, and with the signal's reason. */
export async function openTarget(
  streams: DeviceStreams,
  tunnel: WebTunnel,
  signal: AbortSignal,
): Promise<TargetConnection> {
  const { organizationId, deviceId, target, scheme } = tunnel;
  const stream = await streams.open({ organizationId, deviceId }, { kind: "tcp", ...target }, signal);
  const inner = createStreamDuplex(stream);
  inner.on("error", () => undefined);
  signal.addEventListener("abort", () => inner.destroy(), { once: true });
  return { stream, duplex: scheme === "https" ? await secure(inner, tunnel, signal) : inner };
}
