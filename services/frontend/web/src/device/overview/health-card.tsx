import type { ReactNode } from "react";
import { Link } from "react-router";
import type { Device } from "../use-device.ts";
import { healthWords, healths, type Health } from "../objects/healths.ts";
import { InfoCard } from "./info-card.tsx";

/** Circumference of a ring of radius 16, so that a share is its length. */
const radius = 16;
const around = 2 * Math.PI * radius;

function Ring({ parts, total }: { parts: [Health, number][]; total: number }): ReactNode {
  let at = 0;
  const arcs = parts.map(([health, count]) => {
    const length = (count / total) * around;
    const arc = (
      <circle
        key={health}
        className={`rciots-health-${health}`}
        cx="20"
        cy="20"
        r={radius}
        strokeDasharray={`${length} ${around - length}`}
        strokeDashoffset={-at}
      />
    );
    at += length;
    return arc;
  });
  return (
    <svg className="rciots-health-ring" viewBox="0 0 40 40" aria-hidden="true">
      {total === 0 ? <circle className="rciots-health-none" cx="20" cy="20" r={radius} /> : arcs}
    </svg>
  );
}

/** How the objects of the device are, as it last reported. */
export function HealthCard({ device }: { device: Device }): ReactNode {
  const { counts } = device.observed;
  const parts = healths.flatMap((health): [Health, number][] => {
    const count = counts[health] ?? 0;
    return count === 0 ? [] : [[health, count]];
  });
  const total = parts.reduce((sum, [, count]) => sum + count, 0);
  return (
    <InfoCard title="Health" action={<Link to={`/devices/${device.id}/objects`}>All objects</Link>}>
      <div className="rciots-health">
        <div className="rciots-health-figure">
          <Ring parts={parts} total={total} />
          <div className="rciots-health-total">
            <strong>{total}</strong>
            {total === 1 ? "object" : "objects"}
          </div>
        </div>
        {total === 0 ? (
          <span className="rciots-muted">Nothing reported yet.</span>
        ) : (
          <ul className="rciots-health-legend">
            {parts.map(([health, count]) => (
              <li key={health} className={`rciots-health-${health}`}>
                <Link to={`/devices/${device.id}/objects?health=${health}`}>
                  {count} {healthWords[health]}
                </Link>
              </li>
            ))}
          </ul>
        )}
      </div>
    </InfoCard>
  );
}
