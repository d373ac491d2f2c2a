/** Lines of a log as they come in pieces: the newest so many are kept. */
export interface LogLines {
  push(bytes: Uint8Array): void;
  /** The end of the log: what is left is a line too. */
  flush(): void;
  readonly lines: readonly string[];
  /** How many came before those that are kept. */
  readonly dropped: number;
}

/** Longer ones are cut: a page must stay usable whatever a container prints. */
const maxLineChars = 8_192;
// Everything that ends a line, moves a cursor or colours a text; what is left is text.
const controls =
  /\u001b\[[0-9;:?]*[ -/]*[@-~]|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

export function createLogLines(max: number): LogLines {
  const slack = Math.ceil(max / 10);
  const decoder = new TextDecoder();
  let rest = "";
  const lines: string[] = [];
  let dropped = 0;

  const clean = (line: string): string => {
    const text = line.replace(controls, "");
    return text.length > maxLineChars ? `${text.slice(0, maxLineChars)}…` : text;
  };

  function add(more: string[]): void {
    for (const line of more) lines.push(clean(line));
    // Not with each line: what moves is all that is kept.
    if (lines.length < max + slack) return;
    dropped += lines.length - max;
    lines.splice(0, lines.length - max);
  }

  return {
    push(bytes) {
      const parts = (rest + decoder.decode(bytes, { stream: true })).split("\n");
      rest = parts.pop() ?? "";
      if (rest.length > maxLineChars * 4) {
        parts.push(rest);
        rest = "";
      }
      if (parts.length > 0) add(parts);
    },
    flush() {
      if (rest !== "") add([rest]);
      rest = "";
    },
    get lines() {
      return lines.slice(-max);
    },
    get dropped() {
      return dropped + Math.max(0, lines.length - max);
    },
  };
}
