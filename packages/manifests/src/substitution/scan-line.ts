/** A string value in a line of JSON. */
export interface ScannedString {
  /** Offsets of the JSON string with its quotes. */
  start: number;
  end: number;
  /** What it means. */
  text: string;
  /** Good during the visit only: the array is used again. */
  path: readonly (string | number)[];
}

export interface LineVisitor {
  onString: (found: ScannedString) => void;
  onKey: (key: string, path: readonly (string | number)[]) => void;
}

const maxDepth = 500;

/**
 * Visits every key and string value of a line that JSON.parse accepts, with its place in the text.
 * What is not a string is never looked at, so numbers that a double cannot hold stay as written.
 */
export function scanLine(line: string, visitor: LineVisitor): void {
  const path: (string | number)[] = [];
  let at = 0;

  const skipSpace = (): void => {
    while (line.charCodeAt(at) <= 0x20) at += 1;
  };
  const readString = (): { start: number; text: string } => {
    const start = at;
    at = line.indexOf('"', start + 1) + 1;
    const raw = line.slice(start + 1, at - 1);
    if (!raw.includes("\\")) return { start, text: raw };
    for (at = start + 1; line[at] !== '"'; at += 1) if (line[at] === "\\") at += 1;
    at += 1;
    return { start, text: JSON.parse(line.slice(start, at)) as string };
  };
  const readObject = (): void => {
    at += 1;
    for (skipSpace(); line[at] !== "}"; skipSpace()) {
      if (line[at] === ",") at += 1;
      skipSpace();
      const { text } = readString();
      visitor.onKey(text, path);
      skipSpace();
      at += 1;
      path.push(text);
      readValue();
      path.pop();
    }
    at += 1;
  };
  const readArray = (): void => {
    at += 1;
    let index = 0;
    for (skipSpace(); line[at] !== "]"; skipSpace()) {
      if (line[at] === ",") at += 1;
      path.push(index++);
      readValue();
      path.pop();
    }
    at += 1;
  };
  const readValue = (): void => {
    if (path.length > maxDepth) throw new RangeError("JSON is nested too deeply");
    skipSpace();
    const first = line[at];
    if (first === "{") readObject();
    else if (first === "[") readArray();
    else if (first === '"') {
      const { start, text } = readString();
      visitor.onString({ start, end: at, text, path });
    } else while (at < line.length && !",]} \t\r\n".includes(line[at] ?? "")) at += 1;
  };
  readValue();
}
