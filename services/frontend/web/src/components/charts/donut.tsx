import { useId, type ReactNode } from "react";
import { Link } from "react-router";
import "./charts.css";

export type Tone = "success" | "info" | "warning" | "danger" | "neutral";

export interface DonutPart {
  label: string;
  value: number;
  tone: Tone;
  /** Where the legend leads. */
  to?: string;
}

interface DonutProps {
  title: string;
  parts: readonly DonutPart[];
  /** Large, in the middle. */
  center: string;
  /** Small, below. */
  caption: string;
}

const radius = 42;
const circumference = 2 * Math.PI * radius;

function Arcs({ parts, total }: { parts: readonly DonutPart[]; total: number }): ReactNode {
  let before = 0;
  return parts.map(({ label, value, tone }) => {
    const length = (value / total) * circumference;
    const offset = before;
    before += length;
    return (
      <circle
        key={label}
        className={`rciots-donut-part rciots-tone-${tone}`}
        cx={50}
        cy={50}
        r={radius}
        strokeDasharray={`${length} ${circumference - length}`}
        strokeDashoffset={-offset}
      />
    );
  });
}

function Legend({ parts }: { parts: readonly DonutPart[] }): ReactNode {
  return (
    <ul className="rciots-legend">
      {parts.map(({ label, value, tone, to }) => (
        <li key={label}>
          <span className={`rciots-legend-mark rciots-tone-${tone}`} aria-hidden />
          <span className="rciots-legend-value">{value.toLocaleString()}</span>{" "}
          {to === undefined ? label : <Link to={to}>{label}</Link>}
        </li>
      ))}
    </ul>
  );
}

/** Shares of a whole, with a legend that says the same in words. */
export function Donut({ title, parts, center, caption }: DonutProps): ReactNode {
  const id = useId();
  const shown = parts.filter(({ value }) => value > 0);
  const total = shown.reduce((sum, { value }) => sum + value, 0);
  const description = shown.map(({ label, value }) => `${value} ${label.toLowerCase()}`).join(", ");
  return (
    <div className="rciots-donut">
      <svg viewBox="0 0 100 100" role="img" aria-labelledby={`${id}-title ${id}-description`}>
        <title id={`${id}-title`}>{title}</title>
        <desc id={`${id}-description`}>{description}</desc>
        <circle className="rciots-donut-part rciots-donut-track" cx={50} cy={50} r={radius} />
        {total > 0 && <Arcs parts={shown} total={total} />}
        <text className="rciots-donut-center" x={50} y={50}>
          {center}
        </text>
        <text className="rciots-donut-caption" x={50} y={64}>
          {caption}
        </text>
      </svg>
      <Legend parts={shown} />
    </div>
  );
}
