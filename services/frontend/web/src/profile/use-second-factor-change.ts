import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useSession } from "../session/session.ts";

/** A change of the second factor, after which what shows it is read anew. */
export function useSecondFactorChange<Input, Output>(change: (input: Input) => Promise<Output>) {
  const queries = useQueryClient();
  const { refresh } = useSession();
  return useMutation({
    mutationFn: change,
    async onSuccess() {
      await queries.invalidateQueries({ queryKey: ["second-factor"] });
      await refresh();
    },
  });
}
