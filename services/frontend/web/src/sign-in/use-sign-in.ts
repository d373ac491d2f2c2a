import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useApi } from "../api/api-context.ts";
import { unwrap } from "../api/client.ts";

export interface Login {
  username: string;
  password: string;
  code?: string;
}

/** Signs in; what was asked for before appears by itself, since the account is read anew. */
export function useSignIn() {
  const api = useApi();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: Login) => unwrap(api.POST("/api/v1/login", { body })),
    onSuccess: () => queries.resetQueries({ queryKey: ["me"] }),
  });
}
