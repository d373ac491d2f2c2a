import type { ByteStream } from "./byte-stream.ts";

interface Passage {
  take(bytes: Buffer): void;
  goOn(): void;
}

/**
 * Hands bytes of one stream to another. Their sender gets credit for them when the other stream has room, so
 * that a reader who stands still at the far end stalls the sender, and this process holds no more than a window.
 */
function createPassage(from: ByteStream, to: ByteStream): Passage {
  let heldBytes = 0;

  function credit(): void {
    const bytes = heldBytes;
    heldBytes = 0;
    if (bytes > 0) from.consumed(bytes);
  }

  return {
    take(bytes) {
      heldBytes += bytes.length;
      if (to.write(bytes)) credit();
    },
    goOn: credit,
  };
}

/** Joins two streams: bytes both ways, each way ended by itself, and a reset of one is a reset of the other. */
export function splice(one: ByteStream, other: ByteStream): void {
  const there = createPassage(one, other);
  const back = createPassage(other, one);
  one.listen({
    onData: there.take,
    onEnd: () => other.end(),
    onWritable: back.goOn,
    onReset: (fault) => other.reset(fault),
  });
  other.listen({
    onData: back.take,
    onEnd: () => one.end(),
    onWritable: there.goOn,
    onReset: (fault) => one.reset(fault),
  });
}
