import { useMutation } from "@tanstack/react-query";
import { useApi } from "../api/api-context.ts";
import { unwrap } from "../api/client.ts";
import type { paths } from "../api/schema.ts";

type RenderCall = paths["/api/v1/templates/render"]["post"];
export type DraftBody = NonNullable<RenderCall["requestBody"]>["content"]["application/json"];
export type CheckedDraft = RenderCall["responses"]["200"]["content"]["application/json"];

/** Renders a draft on the platform; nothing is stored. */
export function useDraftCheck() {
  const api = useApi();
  return useMutation({
    mutationFn: (body: DraftBody) => unwrap(api.POST("/api/v1/templates/render", { body })),
  });
}
