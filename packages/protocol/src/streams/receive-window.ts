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

/** From the word that the peer waits to its next data is a round trip at least; longer than this is a far path. */
const farMs = 8;

/**
 * What the peer may send on one stream before its bytes are consumed. It begins small and doubles when the
 * peer says that it waits for credit although the reader keeps up: then the window is less than the path carries in
 * a round trip.
 */
export interface ReceiveWindow {
  /** What the peer may send at first. */
  readonly firstBytes: number;
  /** False: the peer had no credit for it. */
  received(bytes: number): boolean;
  /** The reader is done with so many bytes. Returns the credit to send now; 0 for none yet. */
  consumed(bytes: number): number;
  /** The peer waits for credit. Returns what to send now; 0 where the reader is what it waits for. */
  blocked(): number;
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
  let isClosed = false;
  let blockedAt: number | undefined;
  /** What the peer may still send of credit that it had not got yet when it said that it waits. */
  let onItsWay = 0;
  let shortestWaitMs: number | undefined;

  function grow(): number {
    const isFar = shortestWaitMs !== undefined && shortestWaitMs >= farMs;
    const more = pool.take(Math.min(sizeBytes, (isFar ? farWindowBytes : mostWindowBytes) - sizeBytes));
    sizeBytes += more;
    return more;
  }

  function giveBack(bytes: number): number {
    unreturned = 0;
    credit += bytes;
    return bytes;
  }

  return {
    firstBytes,
    received(bytes) {
      if (bytes > credit) return false;
      credit -= bytes;
      heldBytes += bytes;
      onItsWay -= bytes;
      if (blockedAt !== undefined && onItsWay < 0) {
        shortestWaitMs = Math.min(shortestWaitMs ?? Number.POSITIVE_INFINITY, now() - blockedAt);
        blockedAt = undefined;
      }
      return true;
    },
    consumed(bytes) {
      heldBytes -= bytes;
      unreturned += bytes;
      return isClosed || unreturned * 2 < sizeBytes ? 0 : giveBack(unreturned);
    },
    blocked() {
      if (isClosed || heldBytes * 4 > sizeBytes) return 0;
      blockedAt = now();
      onItsWay = credit;
      return giveBack(unreturned + grow());
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
