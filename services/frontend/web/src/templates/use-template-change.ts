import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useApi } from "../api/api-context.ts";
import { ifMatch, unwrap } from "../api/client.ts";
import { hasCode } from "../api/problem.ts";
import type { paths } from "../api/schema.ts";
import type { Template } from "./template-queries.ts";

export type TemplateChange = NonNullable<
  paths["/api/v1/templates/{id}"]["patch"]["requestBody"]
>["content"]["application/json"];

/** Changes a template as it was read; 412 where somebody else was faster. */
export function useTemplateChange(id: string, onChanged: (template: Template) => void) {
  const api = useApi();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ change, version }: { change: TemplateChange; version: number }) =>
      unwrap(
        api.PATCH("/api/v1/templates/{id}", {
          params: { path: { id } },
          headers: ifMatch(version),
          body: change,
        }),
      ),
    async onSuccess(template) {
      await Promise.all([
        queries.invalidateQueries({ queryKey: ["templates"] }),
        // The page that comes next must not begin with what it showed before, such as another current version.
        queries.refetchQueries({ queryKey: ["templates", id], type: "inactive" }),
      ]);
      onChanged(template);
    },
    async onError(error) {
      // What is there now is what the edits are to be compared with.
      if (hasCode(error, "version_conflict")) await queries.invalidateQueries({ queryKey: ["templates"] });
    },
  });
}
