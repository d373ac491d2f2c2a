import { Label } from "@patternfly/react-core";
import type { ReactNode } from "react";
import type { CommandRun, Execution, ExecutionState } from "./command-queries.ts";

type Status = "success" | "danger" | "warning" | "info";

export const stateNames: Record<ExecutionState, string> = {
  pending: "Waiting",
  starting: "Starting",
  running: "Running",
  succeeded: "Succeeded",
  failed: "Failed",
  timed_out: "Timed out",
  canceled: "Cancelled",
  refused: "Refused",
  offline: "Offline",
  expired: "Not seen in time",
  skipped: "Not begun",
  lost: "Lost",
};

const statuses: Partial<Record<ExecutionState, Status>> = {
  starting: "info",
  running: "info",
  succeeded: "success",
  failed: "danger",
  timed_out: "danger",
  refused: "danger",
  lost: "danger",
  canceled: "warning",
  expired: "warning",
};

/** Of what a bar is made, from the left. */
export const groups: { key: string; label: string; states: ExecutionState[] }[] = [
  { key: "succeeded", label: "succeeded", states: ["succeeded"] },
  { key: "failed", label: "failed", states: ["failed", "timed_out", "refused", "lost"] },
  { key: "left-out", label: "left out", states: ["offline", "expired", "skipped", "canceled"] },
  { key: "running", label: "running", states: ["starting", "running"] },
  { key: "waiting", label: "waiting", states: ["pending"] },
];

export const countOf = (counts: CommandRun["counts"], states: readonly ExecutionState[]): number =>
  states.reduce((sum, state) => sum + (counts[state] ?? 0), 0);

export function ExecutionLabel({ execution }: { execution: Execution }): ReactNode {
  const { state, isCanceling } = execution;
  const status = statuses[state];
  return (
    <Label isCompact {...(status === undefined ? {} : { status })}>
      {isCanceling ? "Being cancelled" : stateNames[state]}
    </Label>
  );
}

export function RunLabel({ run }: { run: CommandRun }): ReactNode {
  const failed = countOf(run.counts, ["failed", "timed_out", "refused", "lost"]);
  if (run.state === "running") {
    return (
      <Label isCompact status="info">
        {run.stopped?.reason === "canceled" ? "Being cancelled" : "Running"}
      </Label>
    );
  }
  if (run.stopped?.reason === "canceled") {
    return (
      <Label isCompact status="warning">
        Cancelled
      </Label>
    );
  }
  if (failed > 0) {
    return (
      <Label isCompact status="danger">
        Failed
      </Label>
    );
  }
  const isWhole = countOf(run.counts, ["succeeded"]) === run.deviceCount;
  return (
    <Label isCompact status={isWhole ? "success" : "warning"}>
      {isWhole ? "Succeeded" : "Incomplete"}
    </Label>
  );
}
