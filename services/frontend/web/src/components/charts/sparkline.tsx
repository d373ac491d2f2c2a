import { useId, type ReactNode } from "react";
import "./charts.css";

export interface SparklinePoint {
  /** Milliseconds. */
  at: number;
  value: number;
}

interface SparklineProps {
  points: readonly SparklinePoint[];
  /** The value at the top edge; the bottom is 0. */
  max: number;
  from: number;
  to: number;
  /** A line is broken where nothing was measured for longer than this. */
  maxGapMs: number;
  title: string;
  /** The curve in words, for those who can't see it. */
  description: string;
  tone?: "success" | "info";
}

const width = 240;
const height = 48;
/** Half of the stroke, so that it isn't cut at the edges. */
const margin = 2;

type Coordinates = [number, number][];

function runsOf(
  points: readonly SparklinePoint[],
  props: Pick<SparklineProps, "max" | "from" | "to" | "maxGapMs">,
) {
  const { max, from, to, maxGapMs } = props;
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

const lineOf = (run: Coordinates): string =>
  run.map(([x, y], index) => `${index === 0 ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

function areaOf(run: Coordinates): string {
  const first = run[0]?.[0] ?? 0;
  const last = run.at(-1)?.[0] ?? 0;
  return `${lineOf(run)}L${last.toFixed(1)} ${height}L${first.toFixed(1)} ${height}Z`;
}

/** A small curve over time, without axes. */
export function Sparkline(props: SparklineProps): ReactNode {
  const { points, title, description, tone = "info" } = props;
  const id = useId();
  const runs = runsOf(points, props);
  return (
    <svg
      className={`rciots-sparkline rciots-tone-${tone}`}
      viewBox={`0 0 ${width} ${height}`}
      preserveAspectRatio="none"
      role="img"
      aria-labelledby={`${id}-title ${id}-description`}
    >
      <title id={`${id}-title`}>{title}</title>
      <desc id={`${id}-description`}>{description}</desc>
      {runs.map((run) =>
        run.length === 1 ? (
          <circle
            key={run[0]?.[0]}
            className="rciots-sparkline-point"
            cx={run[0]?.[0]}
            cy={run[0]?.[1]}
            r={2}
          />
        ) : (
          <g key={run[0]?.[0]}>
            <path className="rciots-sparkline-area" d={areaOf(run)} />
            <path className="rciots-sparkline-line" d={lineOf(run)} />
          </g>
        ),
      )}
    </svg>
  );
}
