import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useApi } from "../api/api-context.ts";
import { unwrap, type Schema } from "../api/client.ts";

export type Template = Schema<"Template">;
export type TemplateVersion = Schema<"TemplateVersion">;
export type TemplateUsage = Schema<"TemplateUsage">;

const usageIntervalMs = 10_000;

export interface TemplateFilter {
  q: string;
  source: "" | "inline" | "git";
}

/** Pages of templates, newest first. */
export function useTemplates({ q, source }: TemplateFilter) {
  const api = useApi();
  return useInfiniteQuery({
    queryKey: ["templates", "list", q, source],
    initialPageParam: "",
    queryFn: ({ pageParam, signal }) => {
      const query = {
        limit: 50,
        ...(q === "" ? {} : { q }),
        ...(source === "" ? {} : { source }),
        ...(pageParam === "" ? {} : { cursor: pageParam }),
      };
      return unwrap(api.GET("/api/v1/templates", { params: { query }, signal }));
    },
    getNextPageParam: ({ nextCursor }) => nextCursor ?? undefined,
  });
}

export function useTemplate(id: string) {
  const api = useApi();
  return useQuery({
    queryKey: ["templates", id],
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/templates/{id}", { params: { path: { id } }, signal })),
  });
}

/** How many devices have these templates, and how they are. The platform counts at most 100 at once. */
export function useTemplateUsage(templateIds: readonly string[]) {
  const api = useApi();
  const asked = templateIds.slice(-100);
  return useQuery({
    // Counted anew at its own pace: hints of ten thousand devices would have it counted every second.
    queryKey: ["template-usage", ...asked],
    refetchInterval: usageIntervalMs,
    enabled: asked.length > 0,
    queryFn: async ({ signal }) => {
      const query = { templateId: asked };
      const { items } = await unwrap(api.GET("/api/v1/templates/usage", { params: { query }, signal }));
      return new Map(items.map((usage) => [usage.templateId, usage]));
    },
    placeholderData: (before) => before,
  });
}

/** Pages of a template's versions, newest first. */
export function useVersions(id: string) {
  const api = useApi();
  return useInfiniteQuery({
    queryKey: ["templates", id, "versions"],
    initialPageParam: "",
    queryFn: ({ pageParam, signal }) => {
      const query = { limit: 50, ...(pageParam === "" ? {} : { cursor: pageParam }) };
      const params = { path: { id }, query };
      return unwrap(api.GET("/api/v1/templates/{id}/versions", { params, signal }));
    },
    getNextPageParam: ({ nextCursor }) => nextCursor ?? undefined,
  });
}

// A version never changes: what was read of one is never stale.
const forGood = { staleTime: Infinity, refetchOnWindowFocus: false } as const;

/** A version with all its files; for editing them. */
export function useVersion(id: string, versionId: string | null) {
  const api = useApi();
  return useQuery({
    ...forGood,
    queryKey: ["versions", id, versionId],
    enabled: versionId !== null,
    queryFn: ({ signal }) => {
      const path = { id, versionId: versionId ?? "" };
      return unwrap(api.GET("/api/v1/templates/{id}/versions/{versionId}", { params: { path }, signal }));
    },
  });
}

/** A version's files without their content. */
export function useVersionFiles(id: string, versionId: string | null) {
  const api = useApi();
  return useQuery({
    ...forGood,
    queryKey: ["versions", id, versionId, "files"],
    enabled: versionId !== null,
    queryFn: ({ signal }) => {
      const path = { id, versionId: versionId ?? "" };
      return unwrap(
        api.GET("/api/v1/templates/{id}/versions/{versionId}/files", { params: { path }, signal }),
      );
    },
  });
}

/** One file of a version; nothing is asked where the version or the path is null. */
export function useVersionFile(id: string, versionId: string | null, filePath: string | null) {
  const api = useApi();
  return useQuery({
    ...forGood,
    queryKey: ["versions", id, versionId, "file", filePath],
    enabled: versionId !== null && filePath !== null,
    queryFn: ({ signal }) => {
      const params = { path: { id, versionId: versionId ?? "" }, query: { path: filePath ?? "" } };
      return unwrap(api.GET("/api/v1/templates/{id}/versions/{versionId}/file", { params, signal }));
    },
  });
}

/** What kustomize made of a version. */
export function useVersionRendering(id: string, versionId: string | null) {
  const api = useApi();
  return useQuery({
    ...forGood,
    queryKey: ["versions", id, versionId, "rendered"],
    enabled: versionId !== null,
    queryFn: ({ signal }) => {
      const path = { id, versionId: versionId ?? "" };
      return unwrap(
        api.GET("/api/v1/templates/{id}/versions/{versionId}/rendered", { params: { path }, signal }),
      );
    },
  });
}
