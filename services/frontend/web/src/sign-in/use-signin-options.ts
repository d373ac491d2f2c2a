import { useQuery } from "@tanstack/react-query";
import { useApi } from "../api/api-context.ts";
import { unwrap } from "../api/client.ts";

/** What this platform offers to people without an account; undefined until it is known. */
export function useSigninOptions(): { canSignUp: boolean; sendsMail: boolean } | undefined {
  const api = useApi();
  const { data } = useQuery({
    queryKey: ["signin-options"],
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/signin-options", { signal })),
    staleTime: 300_000,
  });
  return data && { canSignUp: data.signup === "open", sendsMail: data.mail };
}
