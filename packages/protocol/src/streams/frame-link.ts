/** What a multiplexer writes its frames to. */
export interface FrameLink {
  /** One frame of these parts, in this order; the parts are not copied and must not change any more. */
  send(head: Uint8Array, body?: Uint8Array): void;
  /** What is sent until `uncork` goes out together. */
  cork(): void;
  uncork(): void;
  /** Bytes that wait in this process for the connection to take them, whoever wrote them. */
  readonly queuedBytes: number;
  /** The listener is called whenever `queuedBytes` has come down to nothing. Returns the function that ends it. */
  onDrain(listener: () => void): () => void;
}

/** Of a TCP or TLS connection that WebSocket messages are written to. */
export interface FrameSocket {
  write(bytes: Uint8Array): boolean;
  cork(): void;
  uncork(): void;
  readonly writable: boolean;
  readonly writableLength: number;
  on(event: "drain", listener: () => void): unknown;
  off(event: "drain", listener: () => void): unknown;
}

const finalBinary = 0x82;
const masked = 0x80;
const maskBytes = 4;

/**
 * Writes stream frames as WebSocket messages beside those that `ws` writes to the same connection: `ws` writes each
 * of its own in one go, so that nothing comes to stand inside another one. A client's key for masking is zero,
 * which leaves the bytes as they are (docs/decisions/0012): masking guards intermediaries, and there is none
 * inside TLS with a client certificate.
 */
export function createSocketLink(socket: FrameSocket, { isClient }: { isClient: boolean }): FrameLink {
  return createFrameLink(socket, (lengthBytes, head) => messageStart(lengthBytes, isClient, head));
}

/**
 * Writes frames to a connection of their own framing: `startOf` makes the first bytes of a frame of so many, with its
 * head in them.
 */
export function createFrameLink(
  socket: FrameSocket,
  startOf: (lengthBytes: number, head: Uint8Array) => Uint8Array,
): FrameLink {
  return {
    send(head, body) {
      if (!socket.writable) return;
      socket.write(startOf(head.byteLength + (body?.byteLength ?? 0), head));
      if (body !== undefined) socket.write(body);
    },
    cork: () => socket.cork(),
    uncork: () => socket.uncork(),
    get queuedBytes() {
      return socket.writableLength;
    },
    onDrain(listener) {
      socket.on("drain", listener);
      return () => void socket.off("drain", listener);
    },
  };
}

/** The head of a WebSocket message (RFC 6455, 5.2) of so many bytes, followed by their beginning. */
function messageStart(lengthBytes: number, isClient: boolean, head: Uint8Array): Buffer {
  const extraBytes = lengthBytes < 126 ? 0 : lengthBytes < 65_536 ? 2 : 8;
  const headerBytes = 2 + extraBytes + (isClient ? maskBytes : 0);
  const start = Buffer.allocUnsafe(headerBytes + head.byteLength);
  start[0] = finalBinary;
  start[1] = (isClient ? masked : 0) | (extraBytes === 0 ? lengthBytes : extraBytes === 2 ? 126 : 127);
  if (extraBytes === 2) start.writeUInt16BE(lengthBytes, 2);
  if (extraBytes === 8) {
    start.writeUInt32BE(0, 2);
    start.writeUInt32BE(lengthBytes, 6);
  }
  if (isClient) start.fill(0, 2 + extraBytes, headerBytes);
  start.set(head, headerBytes);
  return start;
}
