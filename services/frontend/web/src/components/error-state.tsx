import {
  Button,
  EmptyState,
  EmptyStateActions,
  EmptyStateBody,
  EmptyStateFooter,
} from "@patternfly/react-core";
import { ExclamationCircleIcon } from "@patternfly/react-icons/dist/esm/icons/exclamation-circle-icon";
import { SearchIcon } from "@patternfly/react-icons/dist/esm/icons/search-icon";
import type { ReactNode } from "react";
import { problemOf } from "../api/problem.ts";
import { RequestId } from "./request-id.tsx";

interface ErrorStateProps {
  error: unknown;
  /** What could not be shown; default: a sentence that fits the refusal. */
  title?: string;
  onRetry?: () => void;
}

function titleOf(status: number): string {
  if (status === 404) return "There is nothing here";
  if (status === 403) return "You may not see this";
  return status === 0 ? "No connection to the platform" : "This could not be loaded";
}

/** In place of a page, tab or card that could not be loaded. */
export function ErrorState({ error, title, onRetry }: ErrorStateProps): ReactNode {
  const { status, detail, requestId } = problemOf(error);
  const isMissing = status === 404;
  return (
    <EmptyState
      titleText={title ?? titleOf(status)}
      headingLevel="h2"
      icon={isMissing ? SearchIcon : ExclamationCircleIcon}
      {...(isMissing ? {} : { status: "danger" as const })}
    >
      <EmptyStateBody>
        {detail}
        <RequestId id={requestId} />
      </EmptyStateBody>
      {onRetry !== undefined && !isMissing && (
        <EmptyStateFooter>
          <EmptyStateActions>
            <Button variant="primary" onClick={onRetry}>
              Try again
            </Button>
          </EmptyStateActions>
        </EmptyStateFooter>
      )}
    </EmptyState>
  );
}
