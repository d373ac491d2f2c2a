import { PageSection } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { useRouteError } from "react-router";
import { ErrorState } from "./error-state.tsx";

/** In place of a page whose code broke or could not be loaded, as after an upgrade of the platform. */
export function RouteError(): ReactNode {
  const error = useRouteError();
  return (
    <PageSection>
      <ErrorState error={error} title="This page broke" onRetry={() => window.location.reload()} />
    </PageSection>
  );
}
