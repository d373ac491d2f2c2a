/** Who takes part: a stream with something to send. */
export interface Sender {
  readonly isSendable: boolean;
  take(maxBytes: number): { head: Buffer; body?: Uint8Array } | undefined;
}

/**
 * Deficit round-robin: in each round a stream may send so many bytes, whatever the size of its pieces, and what
 * it could not use because its next piece was larger is kept for the next round.
 */
export interface FairRound<S extends Sender> {
  add(sender: S): void;
  /** The next frame of whoever's turn it is; undefined where nobody has anything that may go. */
  next(maxBytes: number): { head: Buffer; body?: Uint8Array } | undefined;
  readonly isEmpty: boolean;
}

export function createFairRound<S extends Sender>(options: {
  quantumBytes: number;
  frameBytes: number;
}): FairRound<S> {
  const { quantumBytes, frameBytes } = options;
  const waiting = new Set<S>();
  let turn: { sender: S; deficit: number } | undefined;

  function nextTurn(): typeof turn {
    for (const sender of waiting) {
      waiting.delete(sender);
      if (sender.isSendable) return { sender, deficit: quantumBytes };
    }
    return undefined;
  }

  return {
    add(sender) {
      if (turn?.sender !== sender) waiting.add(sender);
    },
    next(maxBytes) {
      for (;;) {
        turn ??= nextTurn();
        if (turn === undefined) return undefined;
        const { sender } = turn;
        const frame = sender.take(Math.min(turn.deficit, frameBytes, maxBytes));
        turn.deficit -= frame?.body?.byteLength ?? 0;
        if (frame === undefined || turn.deficit <= 0 || !sender.isSendable) {
          turn = undefined;
          if (sender.isSendable) waiting.add(sender);
        }
        if (frame !== undefined) return frame;
      }
    },
    get isEmpty() {
      return turn === undefined && waiting.size === 0;
    },
  };
}
