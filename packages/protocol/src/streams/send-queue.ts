/** What one stream has to send: its bytes in order, its credit, and where it stands in the fair round. */
export interface SendQueue {
  /** The bytes must not change any more. */
  push(bytes: Uint8Array): void;
  /** The next piece, of at most so many bytes and within the credit; undefined where nothing may go now. */
  take(maxBytes: number): Uint8Array | undefined;
  addCredit(bytes: number): void;
  clear(): void;
  readonly queuedBytes: number;
  readonly credit: number;
  readonly isSendable: boolean;
}

const sent = new Uint8Array(0);
/** Pieces that are sent are cut off so many at a time. */
const compactAt = 64;

export function createSendQueue(): SendQueue {
  let pieces: Uint8Array[] = [];
  let first = 0;
  let queuedBytes = 0;
  let credit = 0;

  function dropFirst(): void {
    pieces[first] = sent;
    first += 1;
    if (first < pieces.length && first < compactAt) return;
    pieces = pieces.slice(first);
    first = 0;
  }

  return {
    push(bytes) {
      pieces.push(bytes);
      queuedBytes += bytes.byteLength;
    },
    take(maxBytes) {
      const piece = pieces[first];
      const most = Math.min(maxBytes, credit);
      if (piece === undefined || most <= 0) return undefined;
      const taken = piece.byteLength <= most ? piece : piece.subarray(0, most);
      if (taken === piece) dropFirst();
      else pieces[first] = piece.subarray(most);
      queuedBytes -= taken.byteLength;
      credit -= taken.byteLength;
      return taken;
    },
    addCredit: (bytes) => void (credit += bytes),
    clear: () => void ([pieces, first, queuedBytes] = [[], 0, 0]),
    get queuedBytes() {
      return queuedBytes;
    },
    get credit() {
      return credit;
    },
    get isSendable() {
      return queuedBytes > 0 && credit > 0;
    },
  };
}
