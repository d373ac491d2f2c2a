import { useMutation } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { ConfirmModal } from "../components/confirm-modal.tsx";
import { useToasts } from "../components/toasts.ts";
import type { Token } from "./token.ts";
import type { TokenAction } from "./use-token-actions.tsx";
import { useChangeToken, useDeleteToken } from "./use-tokens.ts";

const counted = (count: number): string => (count === 1 ? "1 token" : `${count} tokens`);

/** What can be done to several tokens at once; those that are refused are told, the others are done. */
export function useBulkTokens(
  chosen: readonly Token[],
  onDone: () => void,
): { actions: TokenAction[]; dialog: ReactNode } {
  const [isDeleting, setDeleting] = useState(false);
  const toasts = useToasts();
  const change = useChangeToken();
  const remove = useDeleteToken();
  const run = useMutation({
    mutationFn: async ({ act }: { done: string; act: (token: Token) => Promise<unknown> }) =>
      Promise.allSettled(chosen.map(act)),
    onSuccess: (results, { done }) => {
      const refused = results.filter((result) => result.status === "rejected");
      const count = results.length - refused.length;
      if (count > 0) toasts.add({ title: `${counted(count)} ${done}` });
      if (refused[0]) toasts.addError(`${counted(refused.length)} could not be ${done}`, refused[0].reason);
      setDeleting(false);
      onDone();
    },
  });
  const setEnabled = (enabled: boolean): void =>
    run.mutate({
      done: enabled ? "enabled" : "disabled",
      act: (token) => change.mutateAsync({ token, change: { enabled } }),
    });
  return {
    actions: [
      { title: "Enable", onClick: () => setEnabled(true) },
      { title: "Disable", onClick: () => setEnabled(false) },
      { title: "Delete", onClick: () => setDeleting(true), isDanger: true },
    ],
    dialog: isDeleting && (
      <ConfirmModal
        title={`Delete ${counted(chosen.length)}?`}
        confirmLabel="Delete"
        isDanger
        isPending={run.isPending}
        onConfirm={() => run.mutate({ done: "deleted", act: ({ id }) => remove.mutateAsync(id) })}
        onClose={() => setDeleting(false)}
      >
        No device can enrol with them any more. Devices that did stay.
      </ConfirmModal>
    ),
  };
}
