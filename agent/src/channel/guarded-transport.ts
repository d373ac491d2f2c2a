import type { TLSSocket } from "node:tls";
import { NodeWebSocket } from "socket.io-client";
import { limits, splitStreamData, streamLimits, type StreamDataSink } from "@rciots/protocol";
import { z } from "zod";

/** What `createTransport` of engine.io hands through to the transport. */
export interface GuardedTransportOptions {
  guard: {
    /** Open and verified; the WebSocket is spoken over it. */
    socket: TLSSocket;
    /** Told data of streams as it comes, once it says so. */
    streamData: StreamDataSink;
    /** The peer broke the framing; the transport closes itself after it. */
    onViolation: (reason: string) => void;
    /** The upgrade was answered with something else than 101. */
    onHttpRefusal: (status: number, retryAfter: string | undefined) => void;
  };
}

interface WebSocketEvents {
  on(event: "open", listener: () => void): void;
  on(event: "unexpected-response", listener: (request: unknown, response: HttpRefusal) => void): void;
  terminate(): void;
}
interface HttpRefusal {
  statusCode?: number;
  headers: { "retry-after"?: string };
}

// A heartbeat slower than this would hide a dead path for longer than the contract allows.
const heartbeatMs = z.number().int().min(10).max(30_000);
const openPacket = z.object({
  sid: z.string().min(1).max(256),
  upgrades: z.array(z.string()).max(8),
  pingInterval: heartbeatMs,
  pingTimeout: heartbeatMs,
  maxPayload: z.number().int().optional(),
});

const packetKinds = { open: "0", close: "1", ping: "2", message: "4", noop: "6" };

/**
 * engine.io's WebSocket over a connection that is there already, with what it takes on trust from a server
 * checked first: an opening packet that is not what it should be would otherwise throw out of an event handler
 * and end the process.
 */
export class GuardedTransport extends NodeWebSocket {
  #isOpened = false;

  #guard(): GuardedTransportOptions["guard"] {
    return (this.opts as unknown as GuardedTransportOptions).guard;
  }

  override createSocket(uri: string, protocols: string | string[] | undefined, options: object): unknown {
    const { socket, streamData, onHttpRefusal } = this.#guard();
    const webSocket = super.createSocket(uri, protocols, {
      ...options,
      agent: undefined,
      createConnection: () => socket,
      handshakeTimeout: limits.ackTimeoutMs,
      maxPayload: limits.messageBytes,
      perMessageDeflate: false,
    }) as WebSocketEvents;
    // As soon as there is something that reads, and before it has read anything.
    webSocket.on("open", () =>
      splitStreamData(webSocket, {
        isMasked: false,
        maxDataBytes: streamLimits.frameDataBytes,
        sink: streamData,
      }),
    );
    webSocket.on("unexpected-response", (_request, response) => {
      onHttpRefusal(response.statusCode ?? 0, response.headers["retry-after"]);
      webSocket.terminate();
    });
    return webSocket;
  }

  override onData(data: string): void {
    const reason = this.#violation(data);
    if (reason === undefined) return super.onData(data);
    this.#guard().onViolation(reason);
    this.close();
  }

  #violation(data: unknown): string | undefined {
    if (typeof data !== "string") return this.#isOpened ? undefined : "bytes before the opening packet";
    const kind = data.charAt(0);
    if (kind !== packetKinds.open) {
      if (!Object.values(packetKinds).includes(kind)) return "a packet of no known type";
      return this.#isOpened ? undefined : "a packet before the opening one";
    }
    if (this.#isOpened) return "a second opening packet";
    this.#isOpened = isOpenPacket(data.slice(1));
    return this.#isOpened ? undefined : "an opening packet that is not valid";
  }
}

function isOpenPacket(text: string): boolean {
  try {
    return openPacket.safeParse(JSON.parse(text)).success;
  } catch {
    return false;
  }
}
