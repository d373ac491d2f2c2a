import { useQueries, useQuery } from "@tanstack/react-query";
import { useApi } from "../api/api-context.ts";
import { unwrap, type Schema } from "../api/client.ts";

export type Template = Schema<"Template">;

/** All templates of the organisation, as far as one page reaches; none while `isKnown` is false. */
export function useTemplates(): { templates: Template[]; isKnown: boolean } {
  const api = useApi();
  const query = useQuery({
    queryKey: ["templates", "all"],
    queryFn: ({ signal }) =>
      unwrap(api.GET("/api/v1/templates", { params: { query: { limit: 500 } }, signal })),
    staleTime: 60_000,
  });
  return { templates: query.data?.items ?? [], isKnown: query.data !== undefined };
}

/** How templates and their versions are called: `web`, `version 3`. */
export interface TemplateNames {
  nameOf: (templateId: string) => string;
  /** The number of a version; undefined while it is not known. */
  numberOf: (versionId: string) => number | undefined;
  currentOf: (templateId: string) => string | null;
}

/** Names for what devices refer to by identifiers, for these templates. */
export function useTemplateNames(templateIds: readonly string[]): TemplateNames {
  const api = useApi();
  const { templates, isKnown } = useTemplates();
  const unknown = isKnown ? "a deleted template" : "...";
  const distinct = [...new Set(templateIds)].slice(0, 20);
  const versions = useQueries({
    queries: distinct.map((id) => ({
      queryKey: ["templates", id, "versions", "numbers"],
      queryFn: ({ signal }: { signal: AbortSignal }) =>
        unwrap(
          api.GET("/api/v1/templates/{id}/versions", {
            params: { path: { id }, query: { limit: 500 } },
            signal,
          }),
        ),
      staleTime: 60_000,
    })),
    combine: (results) =>
      new Map(
        results.flatMap(({ data }) => data?.items ?? []).map(({ id, number }) => [id, number] as const),
      ),
  });
  return {
    nameOf: (templateId) => templates.find(({ id }) => id === templateId)?.name ?? unknown,
    numberOf: (versionId) => versions.get(versionId),
    currentOf: (templateId) => templates.find(({ id }) => id === templateId)?.currentVersionId ?? null,
  };
}
