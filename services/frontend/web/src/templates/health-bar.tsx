import { Tooltip } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { healthParts, healthText } from "./usage-health.ts";

/** How many devices are in which state, as one bar. */
export function HealthBar({ byState }: { byState: Readonly<Record<string, number>> }): ReactNode {
  const found = healthParts(byState);
  if (found.length === 0) return null;
  const text = healthText(found);
  return (
    <Tooltip content={text}>
      <div className="rciots-health-bar" role="img" aria-label={text} tabIndex={0}>
        {found.map(({ key, count }) => (
          <span
            key={key}
            className={`rciots-health-${key}`}
            ref={(element) => element?.style.setProperty("flex-grow", String(count))}
          />
        ))}
      </div>
    </Tooltip>
  );
}
