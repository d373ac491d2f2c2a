import { useState, type ReactNode } from "react";
import { ConfirmModal } from "../components/confirm-modal.tsx";
import { useToasts } from "../components/toasts.ts";
import { TokenEditModal } from "./token-edit-modal.tsx";
import type { Token } from "./token.ts";
import { useChangeToken, useDeleteToken } from "./use-tokens.ts";

export interface TokenAction {
  title: string;
  onClick: () => void;
  isDanger?: boolean;
}

/** What can be done to a token, and the dialog that is open for it. `onDeleted`: it is gone. */
export function useTokenActions(onDeleted: (id: string) => void = () => undefined): {
  actionsOf: (token: Token) => TokenAction[];
  dialog: ReactNode;
} {
  const [open, setOpen] = useState<{ kind: "edit" | "delete"; token: Token } | null>(null);
  const toasts = useToasts();
  const change = useChangeToken();
  const remove = useDeleteToken();
  const close = (): void => {
    remove.reset();
    setOpen(null);
  };
  const toggle = (token: Token): void =>
    change.mutate(
      { token, change: { enabled: !token.enabled } },
      {
        onSuccess: ({ name, enabled }) =>
          toasts.add({ title: `${name} is ${enabled ? "enabled" : "disabled"}` }),
        onError: (error) => toasts.addError(`${token.name} was not changed`, error),
      },
    );
  const confirmDelete = ({ id, name }: Token): void =>
    remove.mutate(id, {
      onSuccess: () => {
        toasts.add({ title: `${name} is deleted` });
        close();
        onDeleted(id);
      },
    });
  return {
    actionsOf: (token) => [
      { title: "Edit", onClick: () => setOpen({ kind: "edit", token }) },
      { title: token.enabled ? "Disable" : "Enable", onClick: () => toggle(token) },
      { title: "Delete", onClick: () => setOpen({ kind: "delete", token }), isDanger: true },
    ],
    dialog: (
      <>
        {open?.kind === "edit" && <TokenEditModal token={open.token} onClose={close} />}
        {open?.kind === "delete" && (
          <ConfirmModal
            title={`Delete ${open.token.name}?`}
            confirmLabel="Delete"
            isDanger
            isPending={remove.isPending}
            error={remove.error}
            onConfirm={() => confirmDelete(open.token)}
            onClose={close}
          >
            No device can enrol with it any more. Devices that did stay.
          </ConfirmModal>
        )}
      </>
    ),
  };
}
