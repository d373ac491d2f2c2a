import { PageSection } from "@patternfly/react-core";
import { useMutation } from "@tanstack/react-query";
import { useEffect, type ReactNode } from "react";
import { useSearchParams } from "react-router";
import { useApi } from "../api/api-context.ts";
import { unwrap } from "../api/client.ts";
import { ErrorState } from "../components/error-state.tsx";
import { PageHeader } from "../components/page-header.tsx";
import { PageLoading } from "../components/page-loading.tsx";

function isWebAddress(text: string): boolean {
  const { protocol } = new URL(text, location.href);
  return protocol === "http:" || protocol === "https:";
}

/** Where the name of a web tunnel sends a browser that it doesn't know: back it goes, with a code that is good once. */
export function WebAccessPage(): ReactNode {
  const api = useApi();
  const [search] = useSearchParams();
  const enter = useMutation({
    mutationFn: (body: { label: string; state: string; to: string }) =>
      unwrap(api.POST("/api/v1/web-access", { body })),
    onSuccess: ({ url }) => {
      if (isWebAddress(url)) location.replace(url);
    },
  });
  const { mutate } = enter;
  const [label, state, to] = ["label", "state", "to"].map((name) => search.get(name) ?? "");
  useEffect(() => {
    mutate({ label: label ?? "", state: state ?? "", to: to === undefined || to === "" ? "/" : to });
  }, [mutate, label, state, to]);
  return (
    <>
      <PageHeader title="Opening the device's page" />
      <PageSection>
        {enter.isError ? (
          <ErrorState error={enter.error} title="It can't be opened" />
        ) : (
          <PageLoading label="Opening the device's page" />
        )}
      </PageSection>
    </>
  );
}
