/** Memory that the streams of a session may have waiting for their readers, beyond the least that each one has. */
export interface WindowPool {
  /** Takes up to so many bytes; returns how many there were. */
  take(bytes: number): number;
  giveBack(bytes: number): void;
  readonly freeBytes: number;
}

export function createWindowPool(sizeBytes: number): WindowPool {
  let freeBytes = sizeBytes;
  return {
    take(bytes) {
      const taken = Math.max(0, Math.min(bytes, freeBytes));
      freeBytes -= taken;
      return taken;
    },
    giveBack: (bytes) => void (freeBytes += bytes),
    get freeBytes() {
      return freeBytes;
    },
  };
}

export interface WindowLimits {
  /** What every stream gets, however many there are. */
  leastWindowBytes: number;
  /** What a stream begins with where the session has room. */
  firstWindowBytes: number;
  /** What a stream can grow to on a short path: the most that one whose reader stands still makes this end hold. */
  mostWindowBytes: number;
  /** What it can grow to where the peer waits long for its credit: what a far path carries in a round trip. */
  farWindowBytes: number;
}

/** Credit that takes longer than this to be used up went over a path with a round trip of its own. */
const farMs = 8;

/**
 * What the peer may send on one stream before its bytes are consumed. It begins small and doubles when the
 * peer has used all of it up although the reader keeps up: then the window is less than the path carries in a
 * round trip.
 */
export interface ReceiveWindow {
  /** What the peer may send at first. */
  readonly firstBytes: number;
  /** False: the peer had no credit for it. */
  received(bytes: number): boolean;
  /** The reader is done with so many bytes. Returns the credit to send now; 0 for none yet. */
  consumed(bytes: number): number;
  /** Received and not consumed. */
  readonly heldBytes: number;
  close(): void;
}

/** `now`: milliseconds of a clock that never goes back. */
export function createReceiveWindow(
  limits: WindowLimits,
  pool: WindowPool,
  now: () => number,
): ReceiveWindow {
  const { leastWindowBytes, firstWindowBytes, mostWindowBytes, farWindowBytes } = limits;
  // An eighth of what is left: the first streams of many must not take it all.
  const wanted = Math.min(firstWindowBytes - leastWindowBytes, pool.freeBytes >> 3);
  const firstBytes = leastWindowBytes + pool.take(wanted);
  let sizeBytes = firstBytes;
  let credit = firstBytes;
  let heldBytes = 0;
  let unreturned = 0;
  let isUsedUp = false;
  let isClosed = false;
  let returnedAt = now();

  function grow(): number {
    isUsedUp = false;
    const most = now() - returnedAt >= farMs ? farWindowBytes : mostWindowBytes;
    const more = pool.take(Math.min(sizeBytes, most - sizeBytes));
    sizeBytes += more;
    return more;
  }

  return {
    firstBytes,
    received(bytes) {
      if (bytes > credit) return false;
      credit -= bytes;
      heldBytes += bytes;
      isUsedUp ||= credit === 0;
      return true;
    },
    consumed(bytes) {
      heldBytes -= bytes;
      unreturned += bytes;
      if (isClosed || unreturned * 2 < sizeBytes) return 0;
      const returned = unreturned + (isUsedUp && heldBytes * 4 <= sizeBytes ? grow() : 0);
      unreturned = 0;
      returnedAt = now();
      credit += returned;
      return returned;
    },
    get heldBytes() {
      return heldBytes;
    },
    close() {
      if (isClosed) return;
      isClosed = true;
      pool.giveBack(sizeBytes - leastWindowBytes);
    },
  };
}
