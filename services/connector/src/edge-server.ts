import { createServer, type Server as HttpsServer } from "node:https";
import type { IncomingMessage } from "node:http";
import type { AddressInfo, Socket as RawSocket } from "node:net";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { Server, type ServerOptions } from "socket.io";
import { WebSocketServer, type WebSocket } from "ws";
import {
  channelParser,
  channelPath,
  limits,
  splitStreamData,
  streamLimits,
  type StreamDataSink,
} from "@rciots/protocol";
import type { Logger, TlsSource } from "@rciots/runtime";
import { NoRoomsAdapter } from "./no-rooms.adapter.ts";
import type { ConnectorSettings } from "./settings.ts";
import type { TicketKeys } from "./ticket-keys.ts";
import { fullBucket, takeToken } from "./token-bucket.ts";

/** Sessions resume only where they were made for this use. */
const sessionIdContext = "rciots-channel";
/** A ticket is good for a day; the certificate in it is judged anew at every connect. */
const sessionTimeoutSeconds = 86_400;
const handshakeTimeoutMs = 15_000;
const headersTimeoutMs = 10_000;
const maxHeaderBytes = 8_192;
/** Peers whose certificate is only out of its time come as far as being told so. */
const toldLater = new Set(["CERT_HAS_EXPIRED", "CERT_NOT_YET_VALID"]);
const logRate = { burst: 20, refillPerMs: 1 / 1_000 };

export interface EdgeServer {
  readonly io: Server;
  listen(host: string, port: number): Promise<void>;
  address(): AddressInfo | null;
  /** Takes no new connections; those that are there stay. */
  refuseNew(): void;
  /** Ends whatever is still open. */
  close(): Promise<void>;
  /** Puts new key material in force for new connections. */
  renewSecureContext(): void;
  counts(): Record<string, number>;
  /** Undefined for a connection that carries no WebSocket. */
  dataSinkOf(transport: TLSSocket): StreamDataSink | undefined;
  /** Lets go of the request that a connection began with: engine.io would keep it, headers and all, to its end. */
  forgetRequest(request: object): void;
}

export interface EdgeServerOptions {
  edgeTls: TlsSource;
  ticketKeys: TicketKeys;
  settings: ConnectorSettings;
  logger: Logger;
}

interface UpgradeRequest {
  _query: Record<string, string>;
}

/** Whether the peer's chain leads to our roots, as far as TLS can tell. */
function isTrusted({ authorized, authorizationError }: TLSSocket): boolean {
  return authorized || toldLater.has(String(authorizationError));
}

function createHttps({ edgeTls, ticketKeys }: EdgeServerOptions): HttpsServer {
  const server = createServer(
    {
      ...edgeTls.current(),
      ticketKeys: ticketKeys.current(),
      sessionIdContext,
      sessionTimeout: sessionTimeoutSeconds,
      minVersion: "TLSv1.2",
      requestCert: true,
      // Judged in `secureConnection`, so that an expired device is told why; all others are cut there.
      rejectUnauthorized: false,
      handshakeTimeout: handshakeTimeoutMs,
      headersTimeout: headersTimeoutMs,
      requestTimeout: headersTimeoutMs,
      connectionsCheckingInterval: 5_000,
      maxHeaderSize: maxHeaderBytes,
      keepAliveTimeout: 1_000,
      noDelay: true,
    },
    (_request, response) => {
      response.writeHead(404, { connection: "close" }).end();
    },
  );
  return server;
}

type Upgraded = (webSocket: WebSocket, request: IncomingMessage) => void;

/** engine.io's own server of WebSockets, which lets data of streams be taken out of a connection as it comes. */
function splittingServer(sinks: WeakMap<object, StreamDataSink>): unknown {
  return class extends WebSocketServer {
    override handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer, done: Upgraded): void {
      super.handleUpgrade(request, socket, head, (webSocket, upgraded) => {
        const sink: StreamDataSink = {};
        sinks.set(socket, sink);
        splitStreamData(webSocket, { isMasked: true, maxDataBytes: streamLimits.frameDataBytes, sink });
        done(webSocket, upgraded);
      });
    }
  };
}

/** The TLS endpoint and the socket.io server on it. Who gets a session is decided elsewhere. */
export function createEdgeServer(options: EdgeServerOptions): EdgeServer {
  const { edgeTls, ticketKeys, settings, logger } = options;
  const counts: Record<string, number> = {
    connections: 0,
    shed: 0,
    handshakes: 0,
    resumed: 0,
    tlsRefused: 0,
  };
  const bucket = fullBucket(logRate.burst, Date.now());
  const open = new Set<RawSocket>();
  let handshaking = 0;
  const count = (name: string): void => void (counts[name] = (counts[name] ?? 0) + 1);

  function logTls(fields: object, message: string): void {
    if (takeToken(bucket, logRate, Date.now())) logger.info(fields, message);
  }

  function onClose(this: RawSocket): void {
    open.delete(this);
  }

  const server = createHttps(options);
  server.on("connection", (socket: RawSocket) => {
    count("connections");
    handshaking += 1;
    open.add(socket);
    socket.on("close", onClose);
    // Before any cryptography: a fleet that returns at once must not keep everybody from finishing.
    if (handshaking <= settings.maxHandshakes) return;
    count("shed");
    socket.destroy();
  });
  server.on("tlsClientError", (error, socket) => {
    handshaking -= 1;
    logTls({ address: socket.remoteAddress, error: error.message }, "TLS handshake failed");
  });
  server.prependListener("secureConnection", (socket: TLSSocket) => {
    handshaking -= 1;
    count("handshakes");
    if (socket.isSessionReused()) count("resumed");
    if (isTrusted(socket)) return;
    count("tlsRefused");
    const reason = String(socket.authorizationError);
    logTls({ address: socket.remoteAddress, reason }, "client certificate refused");
    socket.destroy();
  });

  const sinks = new WeakMap<object, StreamDataSink>();
  const io = new Server(server, {
    path: channelPath,
    transports: ["websocket"],
    allowUpgrades: false,
    serveClient: false,
    perMessageDeflate: false,
    httpCompression: false,
    parser: channelParser,
    wsEngine: splittingServer(sinks),
    maxHttpBufferSize: limits.messageBytes,
    pingInterval: settings.pingIntervalMs,
    pingTimeout: settings.pingTimeoutMs,
    connectTimeout: settings.connectTimeoutMs,
    adapter: NoRoomsAdapter as unknown as NonNullable<ServerOptions["adapter"]>,
  });
  const responses = new WeakMap<object, { req: unknown }>();
  // There is nothing to upgrade: a request that names another connection is not one of ours.
  io.engine.use((request: UpgradeRequest, response: { req: unknown }, next: (error?: Error) => void) => {
    responses.set(request, response);
    next(request._query["sid"] === undefined ? undefined : new Error("No session may be named."));
  });

  return {
    io,
    listen: (host, port) =>
      new Promise((resolve, reject) => {
        server.once("error", reject);
        server.listen({ host, port, backlog: 4_096 }, () => {
          server.off("error", reject);
          server.on("error", (error) => logger.error({ error: error.message }, "edge server error"));
          resolve();
        });
      }),
    address: () => server.address() as AddressInfo | null,
    refuseNew: () => void server.close(),
    async close() {
      const closed = io.close();
      server.closeAllConnections();
      for (const socket of open) socket.destroy();
      await closed;
    },
    renewSecureContext() {
      server.setSecureContext({
        ...edgeTls.current(),
        ticketKeys: ticketKeys.current(),
        sessionIdContext,
        sessionTimeout: sessionTimeoutSeconds,
        minVersion: "TLSv1.2",
      });
    },
    dataSinkOf: (transport) => sinks.get(transport),
    counts: () => ({ ...counts, handshaking, open: open.size }),
    forgetRequest(request) {
      const response = responses.get(request);
      if (response !== undefined) response.req = null;
    },
  };
}
