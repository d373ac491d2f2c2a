import { EmptyState, EmptyStateBody, PageSection } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { ErrorState } from "../components/error-state.tsx";
import { PageHeader } from "../components/page-header.tsx";
import { PageLoading } from "../components/page-loading.tsx";
import { useDeviceNames, useWays } from "./tunnel-queries.ts";
import { WaysTable } from "./ways-table.tsx";

/** The tunnels of all devices. */
export function TunnelsPage(): ReactNode {
  const found = useWays(null);
  const ways = found.data ?? [];
  const names = useDeviceNames(ways.map(({ tunnel }) => tunnel.deviceId));
  return (
    <>
      <PageHeader
        title="Tunnels"
        description="Ways to what devices reach: ports of the platform, and web pages that open in the browser."
      />
      <PageSection>
        {found.isPending && <PageLoading label="Loading tunnels" />}
        {found.isError && <ErrorState error={found.error} onRetry={() => void found.refetch()} />}
        {found.isSuccess && ways.length === 0 && (
          <EmptyState titleText="No tunnels yet" headingLevel="h2">
            <EmptyStateBody>
              Go to a device under <Link to="/devices">All devices</Link> and open one on its tab Tunnels.
            </EmptyStateBody>
          </EmptyState>
        )}
        {ways.length > 0 && <WaysTable ways={ways} names={names} />}
      </PageSection>
    </>
  );
}
