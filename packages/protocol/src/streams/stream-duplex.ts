import { Duplex } from "node:stream";
import type { ByteStream } from "./byte-stream.ts";
import { faultError } from "./multiplexer.ts";

/** A stream as a Node Duplex, for what is not a socket. Destroying it before its end resets the stream. */
export function createStreamDuplex(stream: ByteStream): Duplex {
  let unread: Buffer[] = [];
  let isPaused = true;
  let hasPeerEnded = false;
  let onWritten: (() => void) | undefined;

  /** Bytes are consumed when the reader takes them, not when they arrive. */
  function push(): void {
    while (!isPaused && unread.length > 0) {
      const bytes = unread.shift();
      if (bytes === undefined) return;
      isPaused = !duplex.push(bytes);
      stream.consumed(bytes.length);
    }
    if (!isPaused && hasPeerEnded) {
      isPaused = true;
      duplex.push(null);
    }
  }

  function goOn(): void {
    const next = onWritten;
    onWritten = undefined;
    next?.();
  }

  const duplex = new Duplex({
    allowHalfOpen: true,
    read() {
      isPaused = false;
      push();
    },
    write(chunk: Buffer, _encoding, callback) {
      if (stream.write(chunk)) callback();
      else onWritten = callback;
    },
    final(callback) {
      stream.end();
      callback();
    },
    destroy(error, callback) {
      unread = [];
      if (!(hasPeerEnded && duplex.writableFinished))
        stream.reset({ code: "closed", message: "The other end was closed." });
      goOn();
      callback(error);
    },
  });
  stream.listen({
    onData(bytes) {
      unread.push(bytes);
      push();
    },
    onEnd() {
      hasPeerEnded = true;
      push();
    },
    onWritable: goOn,
    onReset(fault) {
      hasPeerEnded = true;
      duplex.destroy(faultError(fault));
    },
  });
  return duplex;
}
