import { Alert, List, ListItem } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { problemOf } from "../api/problem.ts";
import { RequestId } from "./request-id.tsx";

/** A refusal within a form or a dialog, with every field that is at fault. Nothing where there is no error. */
export function ProblemAlert({ error, title }: { error: unknown; title: string }): ReactNode {
  if (error === null || error === undefined) return null;
  const { detail, errors, requestId } = problemOf(error);
  return (
    <Alert variant="danger" isInline title={title} aria-live="polite">
      {errors.length === 0 && <p>{detail}</p>}
      {errors.length > 0 && (
        <List isPlain>
          {errors.map(({ field, message }) => (
            <ListItem key={`${field} ${message}`}>{field === "" ? message : `${field}: ${message}`}</ListItem>
          ))}
        </List>
      )}
      <RequestId id={requestId} />
    </Alert>
  );
}
