import {
  Alert,
  Button,
  EmptyState,
  EmptyStateActions,
  EmptyStateBody,
  EmptyStateFooter,
  Progress,
  Toolbar,
  ToolbarContent,
  ToolbarItem,
} from "@patternfly/react-core";
import { CheckCircleIcon } from "@patternfly/react-icons/dist/esm/icons/check-circle-icon";
import type { ReactNode } from "react";
import { ErrorState } from "../../components/error-state.tsx";
import { useMay } from "../../session/session.ts";
import type { Device } from "../use-device.ts";
import { DiffTable } from "./diff-table.tsx";
import { useLiveDiff } from "./use-live-diff.ts";

const reasonOf = (device: Device, mayAsk: boolean): string | undefined => {
  if (!mayAsk) return "You need the role operator to ask a device.";
  return device.presence.online ? undefined : "The device is offline: it can be asked when it is back.";
};

/** What an apply would change on the device now: what somebody did by hand, and what is yet to come. */
export function DiffTab({ device }: { device: Device }): ReactNode {
  const reason = reasonOf(device, useMay("operator"));
  const diff = useLiveDiff(device.id);
  const { start, cancel, result, isRunning, error } = diff;
  const ask = (
    <Button variant="primary" isAriaDisabled={reason !== undefined || isRunning} onClick={start}>
      {result === undefined ? "Compare now" : "Compare again"}
    </Button>
  );
  if (error !== null && result === undefined)
    return <ErrorState error={error} title="It could not be compared" onRetry={start} />;
  if (result === undefined && !isRunning) {
    return (
      <EmptyState titleText="Compare with what is live" headingLevel="h2">
        <EmptyStateBody>
          The agent makes a dry run of its apply and shows what it would change: what was edited or deleted by
          hand, and what is yet to come. Nothing changes on the device.
          {reason !== undefined && <p>{reason}</p>}
        </EmptyStateBody>
        <EmptyStateFooter>
          <EmptyStateActions>{ask}</EmptyStateActions>
        </EmptyStateFooter>
      </EmptyState>
    );
  }
  return (
    <>
      <Toolbar>
        <ToolbarContent>
          <ToolbarItem>{ask}</ToolbarItem>
          {isRunning && (
            <>
              <ToolbarItem>
                <Button variant="secondary" onClick={cancel}>
                  Cancel
                </Button>
              </ToolbarItem>
              <ToolbarItem>
                <Progress
                  aria-label="Objects compared"
                  value={result?.compared ?? 0}
                  max={Math.max(1, result?.total ?? 1)}
                  label={result === undefined ? "asking the device" : `${result.compared} of ${result.total}`}
                />
              </ToolbarItem>
            </>
          )}
          {!isRunning && result !== undefined && (
            <ToolbarItem alignSelf="center">
              {result.compared} of {result.total} objects of revision {result.revision} compared
            </ToolbarItem>
          )}
        </ToolbarContent>
      </Toolbar>
      {error !== null && (
        <Alert isInline variant="warning" title="The comparison is not complete">
          {diff.errorText}
        </Alert>
      )}
      {result !== undefined && !isRunning && error === null && result.items.length === 0 && (
        <EmptyState titleText="Nothing differs" headingLevel="h2" icon={CheckCircleIcon} status="success">
          <EmptyStateBody>What is live is what the device should run.</EmptyStateBody>
        </EmptyState>
      )}
      {result !== undefined && result.items.length > 0 && <DiffTable items={result.items} />}
    </>
  );
}
