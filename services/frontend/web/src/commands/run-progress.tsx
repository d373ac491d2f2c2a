import type { ReactNode } from "react";
import type { CommandRun } from "./command-queries.ts";
import { countOf, groups } from "./execution-state.tsx";

/** On how many devices it is how far, as one bar; with the numbers in words below it. */
export function RunProgress({ run, isCompact = false }: { run: CommandRun; isCompact?: boolean }): ReactNode {
  const parts = groups
    .map((group) => ({ ...group, count: countOf(run.counts, group.states) }))
    .filter(({ count }) => count > 0);
  const words = parts.map(({ label, count }) => `${count} ${label}`).join(", ");
  return (
    <div className="rciots-run-progress">
      <div
        className="rciots-run-bar"
        role="img"
        aria-label={words === "" ? "Nothing has begun" : `Of ${run.deviceCount} devices: ${words}`}
      >
        {parts.map(({ key, count }) => (
          <span
            key={key}
            className={`rciots-run-${key}`}
            ref={(element) => element?.style.setProperty("flex-grow", String(count))}
          />
        ))}
      </div>
      {isCompact ? (
        <span className="rciots-run-words">{words}</span>
      ) : (
        <ul className="rciots-run-legend">
          {parts.map(({ key, label, count }) => (
            <li key={key}>
              <span className={`rciots-run-dot rciots-run-${key}`} aria-hidden="true" />
              {count} {label}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
