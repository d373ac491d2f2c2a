import { useId, type ReactNode } from "react";
import {
  height,
  runsOf,
  width,
  type Coordinates,
  type SparklineFrame,
  type SparklinePoint,
} from "./sparkline-runs.ts";
import "./charts.css";

interface SparklineProps extends SparklineFrame {
  points: readonly SparklinePoint[];
  title: string;
  /** The curve in words, for those who can't see it. */
  description: string;
  tone?: "success" | "info";
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
