import { Card, CardBody, CardTitle } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { Donut, type DonutPart, type Tone } from "../components/charts/donut.tsx";
import { activeOf, type Overview } from "./overview.ts";

interface Part {
  label: string;
  tone: Tone;
  states: string[];
}

const parts: Part[] = [
  { label: "Healthy", tone: "success", states: ["healthy"] },
  { label: "In progress", tone: "info", states: ["offered", "downloading", "applying", "progressing"] },
  { label: "Degraded", tone: "warning", states: ["degraded"] },
  { label: "Failed", tone: "danger", states: ["failed", "rolled_back"] },
];

function listOf(states: readonly string[]): string {
  const query = new URLSearchParams([["status", "active"], ...states.map((state) => ["state", state])]);
  return `/devices?${query.toString()}`;
}

/** How what the active devices run is. */
export function HealthCard({ overview }: { overview: Overview }): ReactNode {
  const { byState } = overview.devices;
  const counted: DonutPart[] = parts.map(({ label, tone, states }) => ({
    label,
    tone,
    value: states.reduce((sum, state) => sum + (byState[state] ?? 0), 0),
    to: listOf(states),
  }));
  const silent: DonutPart = { label: "Nothing reported", tone: "neutral", value: byState["none"] ?? 0 };
  const active = activeOf(overview);
  return (
    <Card isFullHeight>
      <CardTitle component="h2">Health</CardTitle>
      <CardBody>
        <Donut
          title="Health of the active devices"
          parts={[...counted, silent]}
          center={active.toLocaleString()}
          caption={active === 1 ? "active device" : "active devices"}
        />
      </CardBody>
    </Card>
  );
}
