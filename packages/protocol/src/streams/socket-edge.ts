import type { Socket } from "node:net";
import type { ByteStream } from "./byte-stream.ts";
import { resetSocket } from "./reset-socket.ts";
import type { StreamFault } from "./stream-frame.ts";

export interface SocketEdge {
  /** Where the socket was made with `onread`: what it has read. False: stop reading. */
  onRead(bytes: Buffer): boolean;
}

/**
 * Joins a stream and a TCP connection: bytes both ways without a copy, each way ended by itself, and a reset on one side is
 * one on the other. The socket must allow half-open connections. `onClose` is called once both are over.
 */
export function joinSocket(
  stream: ByteStream,
  socket: Socket,
  options: { readsByHand?: boolean; onClose?: (fault?: StreamFault) => void; onActivity?: () => void } = {},
): SocketEdge {
  const { readsByHand = false, onClose, onActivity } = options;
  /** Written to the socket, and not known to have left this process. */
  let unflushed = 0;
  let fault: StreamFault | undefined;
  let hasReadEnd = false;
  let isPaused = false;

  function consumed(): void {
    const left = socket.writableNeedDrain ? socket.writableLength : 0;
    const flushed = unflushed - left;
    if (flushed <= 0) return;
    unflushed = left;
    stream.consumed(flushed);
  }

  function read(bytes: Buffer): boolean {
    onActivity?.();
    isPaused = !stream.write(bytes);
    if (isPaused && !readsByHand) socket.pause();
    return !isPaused;
  }

  if (socket.destroyed) {
    stream.reset({
      code: "connection_reset",
      message: "The connection was gone before the stream was open.",
    });
    onClose?.();
    return { onRead: () => false };
  }
  socket.setNoDelay(true);
  socket.on("drain", consumed);
  if (!readsByHand) socket.on("data", read);
  socket.on("end", () => {
    hasReadEnd = true;
    stream.end();
  });
  socket.on("error", (error: NodeJS.ErrnoException) => {
    fault ??= { code: "connection_reset", message: `The connection broke (${error.code ?? error.message}).` };
  });
  socket.on("close", () => {
    const isWhole = fault === undefined && hasReadEnd && socket.writableFinished;
    if (isWhole) stream.consumed(unflushed);
    else
      stream.reset(fault ?? { code: "connection_reset", message: "The connection was closed in between." });
    unflushed = 0;
    onClose?.(isWhole ? undefined : fault);
  });
  stream.listen({
    onData(bytes) {
      onActivity?.();
      unflushed += bytes.length;
      socket.write(bytes);
      consumed();
    },
    onEnd: () => void socket.end(),
    onWritable() {
      if (!isPaused) return;
      isPaused = false;
      socket.resume();
    },
    onReset(given) {
      fault ??= given;
      resetSocket(socket);
    },
  });
  if (readsByHand) socket.resume();
  return { onRead: read };
}
