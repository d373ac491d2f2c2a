/** What was typed and is not known to have arrived: sent again after a gap, from where the device says it is. */
export interface UnsentInput {
  add(bytes: Uint8Array): void;
  /** The device has all up to this offset. Returns what it lacks. */
  taken(offset: number): Uint8Array[];
  readonly bytes: number;
}

export function createUnsentInput(): UnsentInput {
  let pieces: Uint8Array[] = [];
  let from = 0;
  let bytes = 0;
  return {
    add(piece) {
      pieces.push(piece);
      bytes += piece.length;
    },
    taken(offset) {
      let skip = Math.min(Math.max(0, offset - from), bytes);
      from += skip;
      bytes -= skip;
      while (skip > 0) {
        const [first = new Uint8Array()] = pieces;
        if (first.length > skip) pieces[0] = first.subarray(skip);
        else pieces = pieces.slice(1);
        skip -= Math.min(skip, first.length);
      }
      return pieces;
    },
    get bytes() {
      return bytes;
    },
  };
}
