import type { ReactNode } from "react";
import { Link } from "react-router";
import { Donut, type Tone } from "../../components/charts/donut.tsx";
import { healths, healthWords, type Health } from "../objects/healths.ts";
import type { Device } from "../use-device.ts";
import { InfoCard } from "./info-card.tsx";

const tones: Record<Health, Tone> = {
  Failed: "danger",
  NotFound: "warning",
  Terminating: "warning",
  InProgress: "info",
  Unknown: "neutral",
  Current: "success",
};

/** How the objects of the device are, as it last reported. */
export function HealthCard({ device: { id, observed } }: { device: Device }): ReactNode {
  const parts = healths.map((health) => ({
    label: healthWords[health],
    value: observed.counts[health] ?? 0,
    tone: tones[health],
    to: `/devices/${id}/objects?health=${health}`,
  }));
  const total = parts.reduce((sum, { value }) => sum + value, 0);
  return (
    <InfoCard title="Health" action={<Link to={`/devices/${id}/objects`}>All objects</Link>}>
      <Donut
        title="Objects by health"
        parts={parts}
        center={String(total)}
        caption={total === 1 ? "object" : "objects"}
      />
    </InfoCard>
  );
}
