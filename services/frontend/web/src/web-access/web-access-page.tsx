import { PageSection } from "@patternfly/react-core";
import { useMutation } from "@tanstack/react-query";
import { useEffect, type ReactNode } from "react";
import { useSearchParams } from "react-router";
import { useApi } from "../api/api-context.ts";
import { unwrap } from "../api/client.ts";
import { ErrorState } from "../components/error-state.tsx";
import { PageHeader } from "../components/page-header.tsx";
import { PageLoading } from "../components/page-loading.tsx";

const incomplete = new Error("The address is incomplete: open the page from the list of tunnels.");

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
  const label = search.get("label") ?? "";
  const state = search.get("state") ?? "";
  const to = search.get("to") ?? "/";
  const isWhole = /^[a-z0-9-]{1,63}$/.test(label) && /^[0-9a-f]{64}$/.test(state);
  useEffect(() => {
    if (isWhole) mutate({ label, state, to });
  }, [mutate, isWhole, label, state, to]);
  const error = isWhole ? enter.error : incomplete;
  return (
    <>
      <PageHeader title="Opening the device's page" />
      <PageSection>
        {error === null ? (
          <PageLoading label="Opening the device's page" />
        ) : (
          <ErrorState error={error} title="It can't be opened" />
        )}
      </PageSection>
    </>
  );
}
