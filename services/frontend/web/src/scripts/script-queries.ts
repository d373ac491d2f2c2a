import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useApi } from "../api/api-context.ts";
import { ifMatch, unwrap } from "../api/client.ts";
import { useToasts } from "../components/toasts.ts";
import { usePages, type Pages } from "../components/use-pages.ts";
import type { Script } from "../commands/command-draft.ts";
import type { ScriptDraft } from "./script-form.tsx";

export function useScriptPages(q: string): Pages<Script> {
  const api = useApi();
  return usePages(["scripts", "list", q], (cursor, signal) => {
    const query = {
      limit: 50,
      ...(q === "" ? {} : { q }),
      ...(cursor === undefined ? {} : { cursor }),
    };
    return unwrap(api.GET("/api/v1/scripts", { params: { query }, signal }));
  });
}

export function useScript(id: string) {
  const api = useApi();
  return useQuery({
    queryKey: ["scripts", id],
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/scripts/{id}", { params: { path: { id } }, signal })),
  });
}

const bodyOf = (draft: ScriptDraft) => ({ ...draft, interpreter: draft.interpreter as "sh" });

export function useCreateScript(onCreated: (script: Script) => void) {
  const api = useApi();
  const queries = useQueryClient();
  const toasts = useToasts();
  return useMutation({
    mutationFn: (draft: ScriptDraft) => unwrap(api.POST("/api/v1/scripts", { body: bodyOf(draft) })),
    async onSuccess(script) {
      toasts.add({ title: `Script ${script.name} was saved` });
      await queries.invalidateQueries({ queryKey: ["scripts"] });
      onCreated(script);
    },
  });
}

/** Changes a script as it was read; 412 where somebody else was faster. */
export function useSaveScript({ id, version }: Pick<Script, "id" | "version">) {
  const api = useApi();
  const queries = useQueryClient();
  const toasts = useToasts();
  return useMutation({
    mutationFn: (draft: ScriptDraft) =>
      unwrap(
        api.PATCH("/api/v1/scripts/{id}", {
          params: { path: { id } },
          headers: ifMatch(version),
          body: bodyOf(draft),
        }),
      ),
    async onSuccess(script) {
      toasts.add({ title: `Script ${script.name} was saved` });
      await queries.invalidateQueries({ queryKey: ["scripts"] });
    },
  });
}

export function useDeleteScript(onDeleted: () => void) {
  const api = useApi();
  const queries = useQueryClient();
  const toasts = useToasts();
  return useMutation({
    mutationFn: ({ id }: Script) => unwrap(api.DELETE("/api/v1/scripts/{id}", { params: { path: { id } } })),
    async onSuccess(_nothing, { name }) {
      toasts.add({ title: `Script ${name} was deleted` });
      await queries.invalidateQueries({ queryKey: ["scripts"] });
      onDeleted();
    },
  });
}
