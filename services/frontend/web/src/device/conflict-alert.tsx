import { Alert, AlertActionLink } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { TimeAgo } from "../components/time-ago.tsx";
import type { Conflict } from "./use-device-change.ts";

interface ConflictAlertProps {
  conflict: Conflict | null;
  /** Makes the change all the same. */
  onSaveAnyway: () => void;
  /** Lets it go and shows what is there now. */
  onDiscard: () => void;
}

const fieldsOf = (conflict: Conflict): string[] => {
  const after = conflict.event?.details["after"];
  return typeof after === "object" && after !== null ? Object.keys(after) : [];
};

/** Who was faster, and what they changed. What was typed stays until the person decides. */
export function ConflictAlert({ conflict, onSaveAnyway, onDiscard }: ConflictAlertProps): ReactNode {
  if (conflict === null) return null;
  const { device, event } = conflict;
  const fields = fieldsOf(conflict);
  return (
    <Alert
      variant="warning"
      isInline
      title={`${device.name} was changed while you were at it`}
      aria-live="polite"
      actionLinks={
        <>
          <AlertActionLink onClick={onSaveAnyway}>Save mine all the same</AlertActionLink>
          <AlertActionLink onClick={onDiscard}>Discard mine and show what is there</AlertActionLink>
        </>
      }
    >
      {event === null ? (
        "It is not on record by whom."
      ) : (
        <>
          {event.message} By {event.actor.name}, <TimeAgo at={event.at} />.
          {fields.length > 0 && ` Changed: ${fields.join(", ")}.`}
        </>
      )}{" "}
      What you entered is still here.
    </Alert>
  );
}
