/** Something to mark in a text. */
export interface EditorFault {
  /** 1-based; beyond the end counts as the last. */
  line: number;
  /** 1-based. */
  column?: number | undefined;
  message: string;
  /** Default `error`. */
  severity?: "error" | "warning";
}

export interface EditorTarget {
  /** 1-based. */
  line: number;
  column?: number | undefined;
}

/** A text by its lines, as CodeMirror gives it. */
export interface LinedText {
  lines: number;
  line: (number: number) => { from: number; to: number; text: string };
}

/** The characters to mark: from the column, or from the first that is no blank, to the end of the line. */
export function rangeOf(
  text: LinedText,
  place: { line: number; column?: number | undefined },
): { from: number; to: number } {
  const line = text.line(Math.min(Math.max(place.line, 1), text.lines));
  const indent = line.text.length - line.text.trimStart().length;
  const offset = place.column === undefined || place.line > text.lines ? indent : place.column - 1;
  const from = line.from + Math.min(offset, Math.max(line.text.trimEnd().length - 1, 0));
  return { from, to: Math.max(line.from + line.text.trimEnd().length, from) };
}
