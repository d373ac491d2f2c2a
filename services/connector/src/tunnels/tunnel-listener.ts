import { createServer, type Server, type Socket } from "node:net";
import { joinSocket, resetSocket, type ByteStream, type DeviceStreams } from "@rciots/protocol";
import { createNetworkMatcher, errorMessage, parseNetwork, type Logger } from "@rciots/runtime";
import type { ConnectionNote, Tunnel, TunnelUsage } from "@rciots/store";

/** What an open tunnel may be told to change; its port and its target stay. */
export type TunnelRules = Pick<Tunnel, "allowFrom" | "maxConnections">;

export interface TunnelListener {
  /** Rejects with the system's error where the port can't be had. */
  open(): Promise<void>;
  /** Takes effect at once, also for connections that are open. */
  apply(rules: TunnelRules, liveElsewhere: number): void;
  /** Frees the port; what goes through it already goes on. */
  refuseNew(): void;
  /** Usage since the last call. */
  takeUsage(): TunnelUsage;
  /** Milliseconds since 1970. */
  readonly lastActiveAt: number;
  /** At this moment. */
  readonly connections: number;
  /** Frees the port and ends what goes through it. */
  close(): Promise<void>;
}

interface Connection {
  socket: Socket;
  stream: ByteStream | undefined;
  /** Of the stream, as they were when they were last taken. */
  taken: { sent: number; received: number };
}

/** Why a connection is refused before the device is asked. */
const full = { code: "full", message: "The tunnel has as many connections as it may." };
const notAllowed = { code: "not_allowed", message: "The address is not on the tunnel's list." };

/** One listening port. Who may connect is decided before anything is opened on the device. */
export function createTunnelListener(options: {
  tunnel: Tunnel;
  host: string;
  streams: DeviceStreams;
  /** Told of each connection, and then of what becomes of it. */
  onAsked: (address: string) => ConnectionNote;
  logger: Logger;
  now: () => number;
}): TunnelListener {
  const { tunnel, streams, now } = options;
  const logger = options.logger.child({ tunnelId: tunnel._id, deviceId: tunnel.deviceId });
  const { organizationId, deviceId } = tunnel;
  const target = { kind: "tcp", ...tunnel.target } as const;
  const connections = new Set<Connection>();
  let rules: TunnelRules = tunnel;
  /** Connections through other connectors, as of the last look at the store. */
  let elsewhere = 0;
  let isAllowed = createNetworkMatcher(rules.allowFrom.map(parseNetwork));
  let lastActiveAt = now();
  let counted = { connections: 0, sentBytes: 0, receivedBytes: 0 };
  let isClosed = false;

  function countBytes({ stream, taken }: Connection): void {
    if (stream === undefined) return;
    counted.sentBytes += stream.sentBytes - taken.sent;
    counted.receivedBytes += stream.receivedBytes - taken.received;
    [taken.sent, taken.received] = [stream.sentBytes, stream.receivedBytes];
  }

  async function serve(socket: Socket, noted: ConnectionNote): Promise<void> {
    const connection: Connection = { socket, stream: undefined, taken: { sent: 0, received: 0 } };
    const giveUp = new AbortController();
    connections.add(connection);
    counted.connections += 1;
    lastActiveAt = now();
    socket.on("error", () => undefined);
    socket.once("close", () => giveUp.abort());
    try {
      const stream = await streams.open({ organizationId, deviceId }, target, giveUp.signal);
      connection.stream = stream;
      noted.opened(stream);
      joinSocket(stream, socket, {
        onActivity: () => (lastActiveAt = now()),
        onClose() {
          countBytes(connection);
          connections.delete(connection);
        },
      });
      socket.resume();
    } catch (error) {
      connections.delete(connection);
      noted.refused(error);
      logger.info({ reason: errorMessage(error) }, "tunnel connection refused by the device");
      resetSocket(socket);
    }
  }

  function onConnection(socket: Socket): void {
    const address = socket.remoteAddress ?? "";
    const isFull = connections.size + elsewhere >= rules.maxConnections;
    const noted = options.onAsked(address);
    if (!isClosed && !isFull && isAllowed(address)) return void serve(socket, noted);
    const reason = isFull ? full : notAllowed;
    noted.refused(reason);
    logger.info({ address, reason: reason.code }, "tunnel connection refused");
    socket.on("error", () => undefined);
    resetSocket(socket);
  }

  const server: Server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, onConnection);

  return {
    open: () =>
      new Promise((resolve, reject) => {
        server.once("error", reject);
        server.listen({ host: options.host, port: tunnel.port, exclusive: true }, () => {
          server.off("error", reject);
          server.on("error", (error) => logger.error({ error: error.message }, "tunnel listener error"));
          resolve();
        });
      }),
    apply(next, liveElsewhere) {
      rules = next;
      elsewhere = liveElsewhere;
      isAllowed = createNetworkMatcher(rules.allowFrom.map(parseNetwork));
      for (const { socket } of connections) {
        if (!isAllowed(socket.remoteAddress ?? "")) resetSocket(socket);
      }
    },
    refuseNew() {
      isClosed = true;
      server.close();
    },
    takeUsage() {
      for (const connection of connections) countBytes(connection);
      const usage = {
        ...counted,
        liveConnections: connections.size,
        lastUsedAt:
          counted.connections + counted.sentBytes + counted.receivedBytes > 0 ? new Date(lastActiveAt) : null,
      };
      counted = { connections: 0, sentBytes: 0, receivedBytes: 0 };
      return usage;
    },
    get connections() {
      return connections.size;
    },
    get lastActiveAt() {
      return lastActiveAt;
    },
    async close() {
      isClosed = true;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const { socket } of connections) resetSocket(socket);
      await closed;
    },
  };
}
