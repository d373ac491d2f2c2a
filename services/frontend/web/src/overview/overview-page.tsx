import { PageSection } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { unwrap } from "../api/client.ts";
import { useApi } from "../api/api-context.ts";
import { ErrorState } from "../components/error-state.tsx";
import { PageHeader } from "../components/page-header.tsx";
import { PageLoading } from "../components/page-loading.tsx";

export function OverviewPage(): ReactNode {
  const api = useApi();
  const summary = useQuery({
    queryKey: ["devices", "summary"],
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/devices/summary", { signal })),
  });
  return (
    <>
      <PageHeader title="Overview" />
      <PageSection>
        {summary.isPending && <PageLoading />}
        {summary.isError && <ErrorState error={summary.error} onRetry={() => void summary.refetch()} />}
        {summary.data && `${summary.data.online} of ${summary.data.total} devices are online.`}
      </PageSection>
    </>
  );
}
