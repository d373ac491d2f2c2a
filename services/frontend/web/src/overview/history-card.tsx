import { Card, CardBody, CardTitle } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { Sparkline } from "../components/charts/sparkline.tsx";
import { relativeTime } from "../components/relative-time.ts";
import { useNow } from "../components/use-now.ts";
import { activeOf, type Overview } from "./overview.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** Samples are five minutes apart; one may be late. */
const maxGapMs = 900_000;

const kinds = {
  online: { title: "Online", list: "/devices?status=active&online=true", tone: "info" },
  healthy: { title: "Healthy", list: "/devices?status=active&state=healthy", tone: "success" },
} as const;

/** A day ago; on a platform that is younger, when it began, so that its curve isn't squeezed into a corner. */
function startOf(samples: { at: number }[], now: number): number {
  const first = samples[0]?.at ?? now;
  return Math.max(now - dayMs, Math.min(first, now - hourMs));
}

/** How many devices there are of a kind, and how many there were over the last day. */
export function HistoryCard({ kind, overview }: { kind: keyof typeof kinds; overview: Overview }): ReactNode {
  const now = useNow();
  const { title, list, tone } = kinds[kind];
  const active = activeOf(overview);
  const count = kind === "online" ? overview.devices.online : (overview.devices.byState["healthy"] ?? 0);
  const to = now;
  const samples = overview.history.map((sample) => ({ at: Date.parse(sample.at), value: sample[kind] }));
  // Where the curve ends is what the number says.
  const from = startOf(samples, to);
  const points = [...samples.filter(({ at }) => at < to), { at: to, value: count }];
  const values = points.map(({ value }) => value);
  const max = Math.max(active, ...overview.history.map(({ total }) => total));
  const description = `Between ${Math.min(...values)} and ${Math.max(...values)} devices, now ${count}.`;
  return (
    <Card isFullHeight>
      <CardTitle component="h2">{title}</CardTitle>
      <CardBody>
        <p className="rciots-figure">
          <Link to={list}>{count.toLocaleString()}</Link>
          <span className="rciots-muted"> of {active.toLocaleString()} active</span>
        </p>
        {samples.length === 0 ? (
          <p className="rciots-muted">The curve begins within five minutes.</p>
        ) : (
          <>
            <Sparkline
              points={points}
              max={max}
              from={from}
              to={to}
              maxGapMs={maxGapMs}
              title={`${title} over the last 24 hours`}
              description={description}
              tone={tone}
            />
            <p className="rciots-axis">
              <span>{from === to - dayMs ? "24 hours ago" : relativeTime(new Date(from), now)}</span>
              <span>now</span>
            </p>
          </>
        )}
      </CardBody>
    </Card>
  );
}
