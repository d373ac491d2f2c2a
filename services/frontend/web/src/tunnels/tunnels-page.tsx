import { EmptyState, EmptyStateBody, PageSection } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { PageHeader } from "../components/page-header.tsx";
import { PagedList } from "../components/paged-list.tsx";
import { useDeviceNames, useWays } from "./tunnel-queries.ts";
import { WaysTable } from "./ways-table.tsx";

/** The tunnels of all devices. */
export function TunnelsPage(): ReactNode {
  const pages = useWays(null);
  const names = useDeviceNames(pages.items.map(({ tunnel }) => tunnel.deviceId));
  const empty = (
    <EmptyState titleText="No tunnels yet" headingLevel="h2">
      <EmptyStateBody>
        Go to a device under <Link to="/devices">All devices</Link> and open one on its tab Tunnels.
      </EmptyStateBody>
    </EmptyState>
  );
  return (
    <>
      <PageHeader
        title="Tunnels"
        description="Ways to what devices reach: ports of the platform, and web pages that open in the browser."
      />
      <PageSection>
        <PagedList pages={pages} empty={empty}>
          {(ways) => <WaysTable ways={ways} names={names} />}
        </PagedList>
      </PageSection>
    </>
  );
}
