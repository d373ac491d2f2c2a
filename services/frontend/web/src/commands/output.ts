import type { Schema } from "../api/client.ts";

type Part = Schema<"CommandOutput">["parts"][number];

/** A stretch of output of one stream, or of bytes that are missing. */
export type Segment =
  { kind: "text"; stream: "stdout" | "stderr"; text: string } | { kind: "gap"; bytes: number };

export interface Output {
  segments: Segment[];
  nextOffset: number;
}

export const noOutput: Output = { segments: [], nextOffset: 0 };

/** What a browser holds of one command; more is left out in the middle, as the platform does. */
const maxChars = 2_000_000;
const maxSegmentChars = 20_000;

function push(segments: Segment[], next: Segment): void {
  const last = segments.at(-1);
  const isSame = last?.kind === "text" && next.kind === "text" && last.stream === next.stream;
  if (isSame && last.text.length + next.text.length <= maxSegmentChars) {
    segments[segments.length - 1] = { ...last, text: last.text + next.text };
  } else {
    segments.push(next);
  }
}

const charsOf = (segment: Segment): number => (segment.kind === "text" ? segment.text.length : 0);

/** Keeps the first and the last half of what is too much; what goes is a gap. */
function bounded(segments: Segment[]): Segment[] {
  const total = segments.reduce((sum, segment) => sum + charsOf(segment), 0);
  if (total <= maxChars) return segments;
  const kept: Segment[] = [];
  let seen = 0;
  let lost = 0;
  for (const segment of segments) {
    const begins = seen;
    seen += charsOf(segment);
    if (begins < maxChars / 2) {
      kept.push(segment);
    } else if (total - begins > maxChars / 2) {
      lost += segment.kind === "gap" ? segment.bytes : segment.text.length;
    } else {
      if (lost > 0) kept.push({ kind: "gap", bytes: lost });
      lost = 0;
      kept.push(segment);
    }
  }
  return kept;
}

/** What was read so far, and what came after it. */
export function appendOutput(output: Output, parts: readonly Part[], nextOffset: number): Output {
  if (parts.length === 0) return { ...output, nextOffset };
  const segments = [...output.segments];
  for (const { skippedBytes, pieces } of parts) {
    if (skippedBytes > 0) push(segments, { kind: "gap", bytes: skippedBytes });
    for (const { stream, text } of pieces) push(segments, { kind: "text", stream, text });
  }
  return { segments: bounded(segments), nextOffset };
}

/** As a file: gaps are said in words. */
export function outputText({ segments }: Output): string {
  return segments
    .map((segment) => (segment.kind === "text" ? segment.text : `\n[${segment.bytes} bytes left out]\n`))
    .join("");
}
