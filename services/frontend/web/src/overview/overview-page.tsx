import { Grid, GridItem, PageSection } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { unwrap } from "../api/client.ts";
import { useApi } from "../api/api-context.ts";
import { ErrorState } from "../components/error-state.tsx";
import { PageHeader } from "../components/page-header.tsx";
import { PageLoading } from "../components/page-loading.tsx";
import { AttentionCard } from "./attention-card.tsx";
import { EventsCard } from "./events-card.tsx";
import { GettingStarted } from "./getting-started.tsx";
import { HealthCard } from "./health-card.tsx";
import { HistoryCard } from "./history-card.tsx";
import type { Overview } from "./overview.ts";
import "./overview.css";

/** Hints have it read again when something changes; the curves grow without one. */
const refetchMs = 120_000;

function Cards({ overview }: { overview: Overview }): ReactNode {
  if (overview.devices.total === 0) return <GettingStarted overview={overview} />;
  return (
    <Grid hasGutter>
      <GridItem md={6} xl={4}>
        <HealthCard overview={overview} />
      </GridItem>
      <GridItem md={6} xl={4} className="rciots-stack">
        <HistoryCard kind="online" overview={overview} />
        <HistoryCard kind="healthy" overview={overview} />
      </GridItem>
      <GridItem md={12} xl={4} xlRowSpan={2}>
        <EventsCard events={overview.events} />
      </GridItem>
      <GridItem md={12} xl={8}>
        <AttentionCard overview={overview} />
      </GridItem>
    </Grid>
  );
}

export function OverviewPage(): ReactNode {
  const api = useApi();
  const overview = useQuery({
    queryKey: ["overview"],
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/overview", { signal })),
    refetchInterval: refetchMs,
  });
  return (
    <>
      <PageHeader title="Overview" />
      <PageSection>
        {overview.isPending && <PageLoading />}
        {overview.isError && <ErrorState error={overview.error} onRetry={() => void overview.refetch()} />}
        {overview.data && <Cards overview={overview.data} />}
      </PageSection>
    </>
  );
}
