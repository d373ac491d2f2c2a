export interface SparklinePoint {
  /** Milliseconds. */
  at: number;
  value: number;
}

export interface SparklineFrame {
  /** The value at the top edge; the bottom is 0. */
  max: number;
  from: number;
  to: number;
  /** A line is broken where nothing was measured for longer than this. */
  maxGapMs: number;
}

export const width = 240;
export const height = 48;
/** Half of the stroke, so that it isn't cut at the edges. */
const margin = 2;

export type Coordinates = [x: number, y: number][];

/** The points within the frame as coordinates of the drawing, a run for each stretch without a gap. */
export function runsOf(points: readonly SparklinePoint[], frame: SparklineFrame): Coordinates[] {
  const { max, from, to, maxGapMs } = frame;
  const runs: Coordinates[] = [];
  let previous = Number.NEGATIVE_INFINITY;
  for (const { at, value } of points) {
    if (at < from || at > to) continue;
    if (at - previous > maxGapMs) runs.push([]);
    previous = at;
    const x = ((at - from) / (to - from)) * width;
    const y = height - margin - (value / Math.max(1, max)) * (height - 2 * margin);
    runs.at(-1)?.push([x, y]);
  }
  return runs;
}
