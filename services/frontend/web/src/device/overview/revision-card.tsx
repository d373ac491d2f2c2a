import { Alert, Content, ProgressStep, ProgressStepper } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { TimeAgo } from "../../components/time-ago.tsx";
import { stateNames } from "../../devices/device-filter.ts";
import { StateLabel, type RevisionState } from "../device-labels.tsx";
import type { Device } from "../use-device.ts";
import { Facts, InfoCard } from "./info-card.tsx";

const way: { state: RevisionState; title: string }[] = [
  { state: "offered", title: "Offered" },
  { state: "downloading", title: "Downloading" },
  { state: "applying", title: "Applying" },
  { state: "progressing", title: "Progressing" },
  { state: "healthy", title: "Healthy" },
];

/** Where each other state shows on the way. */
const standIn: Partial<Record<RevisionState, number>> = { degraded: 4, failed: 3, rolled_back: 4 };

function Progress({ state }: { state: RevisionState }): ReactNode {
  const index = standIn[state] ?? way.findIndex((step) => step.state === state);
  const bad = state === "failed" ? "danger" : state in standIn ? "warning" : undefined;
  return (
    <ProgressStepper
      className="rciots-revision-progress"
      isCenterAligned
      aria-label="How far the revision is"
    >
      {way.map(({ state: step, title }, at) => {
        const isCurrent = at === index;
        const passed = at < index || (isCurrent && state === "healthy");
        const variant = passed ? "success" : isCurrent ? (bad ?? "info") : "pending";
        return (
          <ProgressStep
            key={step}
            id={`progress-${step}`}
            titleId={`progress-${step}-title`}
            variant={variant}
            isCurrent={isCurrent}
            aria-label={`${title}: ${variant}`}
          >
            {isCurrent ? stateNames[state] : title}
          </ProgressStep>
        );
      })}
    </ProgressStepper>
  );
}

function alertOf(state: RevisionState | null): "danger" | "warning" | "info" {
  if (state === "failed") return "danger";
  return state === "degraded" || state === "rolled_back" ? "warning" : "info";
}

/** What the device should run, and how far it is with it. */
export function RevisionCard({ device: { desired, observed, deadlineMs } }: { device: Device }): ReactNode {
  if (desired.revision === 0) {
    return (
      <InfoCard title="Revision">
        <span className="rciots-muted">
          Nothing was assigned yet. Add a template to give it something to run.
        </span>
      </InfoCard>
    );
  }
  const isBehind = observed.revision < desired.revision;
  // What it should run is ahead of its reports: it was offered at most.
  const state = isBehind ? "offered" : observed.state;
  return (
    <InfoCard title={`Revision ${desired.revision}`} action={<StateLabel state={state} />}>
      {state !== null && <Progress state={state} />}
      {observed.message !== null && !isBehind && observed.state !== "healthy" && (
        <Alert isInline isPlain variant={alertOf(observed.state)} title="The device says">
          {observed.message}
        </Alert>
      )}
      {isBehind && observed.revision > 0 && (
        <Content component="small">
          It still runs revision {observed.runningRevision ?? observed.revision}.
        </Content>
      )}
      <div className="rciots-card-foot">
        <Facts
          facts={[
            ["Runs now", observed.runningRevision === null ? null : `revision ${observed.runningRevision}`],
            ["Changed", <TimeAgo key="changed" at={desired.updatedAt} />],
            ["Reported", <TimeAgo key="reported" at={observed.reportedAt} />],
            ["Deadline", `${Math.round(deadlineMs / 60_000)} minutes`],
          ]}
        />
      </div>
    </InfoCard>
  );
}
