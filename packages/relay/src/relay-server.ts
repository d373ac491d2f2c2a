import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer, type TLSSocket } from "node:tls";
import {
  createMultiplexer,
  splice,
  streamLimits,
  type DeviceStreams,
  type StreamFault,
} from "@rciots/protocol";
import { errorMessage, isAppError, type Logger } from "@rciots/runtime";
import type { PeerIdentity } from "./peer-identity.ts";
import { createRelayLink } from "./relay-link.ts";
import { relayRequest } from "./relay-request.ts";
import { defaultRelaySettings, type RelaySettings } from "./settings.ts";

export interface RelayServer {
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Throws before `start`. */
  address(): AddressInfo;
  /** Processes that are connected, and the streams they have open. */
  counts(): { peers: number; streams: number };
}

const requestInvalid: StreamFault = { code: "target_invalid", message: "This is no request for a stream." };

/** What the caller may know of why a stream can't be opened. */
const faultOf = (error: unknown): StreamFault =>
  isAppError(error)
    ? { code: error.code, message: error.message }
    : { code: "internal_error", message: "The stream could not be opened." };

/** Lets the other processes of the installation reach the devices whose sessions are here; nobody else. */
export function createRelayServer(options: {
  identity: PeerIdentity;
  /** Of the sessions that this process holds. */
  streams: DeviceStreams;
  host: string;
  /** 0 lets the system choose. */
  port: number;
  logger: Logger;
  settings?: Partial<RelaySettings>;
}): RelayServer {
  const { identity, streams, logger } = options;
  const settings: RelaySettings = { ...defaultRelaySettings, ...options.settings };
  const limits = { ...streamLimits, streams: settings.maxStreams, windowPoolBytes: settings.windowPoolBytes };
  const peers = new Map<TLSSocket, { streams: () => number; close: (reason: string) => void }>();
  const requirements = { requestCert: true, rejectUnauthorized: true, minVersion: "TLSv1.3" } as const;
  let endSubscription: () => void = () => undefined;

  async function accept(request: unknown, signal: AbortSignal) {
    const parsed = relayRequest.safeParse(request);
    if (!parsed.success) throw Object.assign(new Error(requestInvalid.message), requestInvalid);
    const { target, ...device } = parsed.data;
    try {
      const found = await streams.open(device, target, signal);
      return (stream: Parameters<typeof splice>[0]) => splice(stream, found);
    } catch (error) {
      if (!isAppError(error) && !signal.aborted)
        logger.error({ deviceId: device.deviceId, error: errorMessage(error) }, "relayed stream failed");
      throw Object.assign(new Error(errorMessage(error)), faultOf(error));
    }
  }

  function serve(socket: TLSSocket): void {
    const relay = createRelayLink({ socket, settings, onFrame: (frame) => multiplexer.receive(frame) });
    const multiplexer = createMultiplexer({
      side: "device",
      link: relay.link,
      accept,
      onViolation: (reason) => relay.close(`The other process sent ${reason}.`),
      limits,
    });
    peers.set(socket, { streams: () => multiplexer.streams, close: relay.close });
    relay.closed.addEventListener("abort", () => {
      peers.delete(socket);
      multiplexer.close({ code: "session_ended", message: "The connection between the processes is over." });
      logger.info({ peer: socket.remoteAddress, reason: errorMessage(relay.closed.reason) }, "relay ended");
    });
  }

  const server = createServer({ ...requirements, handshakeTimeout: settings.connectTimeoutMs });
  server.maxConnections = settings.maxPeers;
  server.on("tlsClientError", (error, socket) => {
    logger.warn({ peer: socket.remoteAddress, error: error.message }, "relay connection refused");
  });
  server.on("secureConnection", (socket) => {
    // A resumed session shows no certificate anew; our own processes never resume one.
    if (!socket.authorized || socket.isSessionReused()) return void socket.destroy();
    serve(socket);
  });
  const useIdentity = (): void => server.setSecureContext({ ...requirements, ...identity.current() });

  return {
    async start() {
      useIdentity();
      endSubscription = identity.onChange(useIdentity);
      server.listen({ host: options.host, port: options.port });
      await once(server, "listening");
      server.on("error", (error: Error) => logger.error({ error: error.message }, "relay server error"));
    },
    async stop() {
      endSubscription();
      const closed = server.listening ? once(server, "close") : undefined;
      server.close();
      for (const { close } of peers.values()) close("The process is stopping.");
      await closed;
    },
    address() {
      const address = server.address();
      if (address === null || typeof address === "string") throw new Error("The relay is not listening.");
      return address;
    },
    counts: () => ({
      peers: peers.size,
      streams: [...peers.values()].reduce((sum, peer) => sum + peer.streams(), 0),
    }),
  };
}
