import {
  Button,
  ClipboardCopy,
  Content,
  Modal,
  ModalBody,
  ModalFooter,
  ModalHeader,
} from "@patternfly/react-core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useId, type ReactNode } from "react";
import { useApi } from "../api/api-context.ts";
import { unwrap, type Schema } from "../api/client.ts";
import { ConfirmModal } from "../components/confirm-modal.tsx";
import { ProblemAlert } from "../components/problem-alert.tsx";
import { useToasts } from "../components/toasts.ts";

interface UserModalProps {
  user: Schema<"PlatformUser">;
  onClose: () => void;
}

/** A link for who forgot the password, shown once to be handed on. */
export function PasswordLinkModal({ user, onClose }: UserModalProps): ReactNode {
  const api = useApi();
  const titleId = useId();
  const make = useMutation({
    mutationFn: () =>
      unwrap(
        api.POST("/api/v1/platform/users/{id}/password-reset-link", { params: { path: { id: user.id } } }),
      ),
  });
  return (
    <Modal isOpen variant="small" onClose={onClose} aria-labelledby={titleId}>
      <ModalHeader title={`Password link for ${user.username}`} labelId={titleId} />
      <ModalBody>
        <Content component="p">
          Whoever opens it chooses a new password for {user.username}, once and within an hour. Hand it on in
          a way that nobody else reads.
        </Content>
        {make.data !== undefined && (
          <ClipboardCopy isReadOnly hoverTip="Copy" clickTip="Copied">
            {new URL(make.data.url, location.origin).href}
          </ClipboardCopy>
        )}
        <ProblemAlert error={make.error} title="The link could not be made" />
      </ModalBody>
      <ModalFooter>
        {make.data === undefined && (
          <Button isLoading={make.isPending} isDisabled={make.isPending} onClick={() => make.mutate()}>
            Make the link
          </Button>
        )}
        <Button variant="link" onClick={onClose}>
          {make.data === undefined ? "Cancel" : "Close"}
        </Button>
      </ModalFooter>
    </Modal>
  );
}

/** For who lost the phone and the recovery codes. */
export function RemoveSecondFactorModal({ user, onClose }: UserModalProps): ReactNode {
  const api = useApi();
  const queries = useQueryClient();
  const toasts = useToasts();
  const remove = useMutation({
    mutationFn: () =>
      unwrap(api.DELETE("/api/v1/platform/users/{id}/second-factor", { params: { path: { id: user.id } } })),
    async onSuccess() {
      toasts.add({ title: `The second factor of ${user.username} is off` });
      onClose();
      await queries.invalidateQueries({ queryKey: ["platform-users"] });
    },
  });
  return (
    <ConfirmModal
      title={`Turn off the second factor of ${user.username}?`}
      confirmLabel="Turn off"
      isDanger
      isPending={remove.isPending}
      error={remove.error}
      onConfirm={() => remove.mutate()}
      onClose={onClose}
    >
      Their password alone will sign them in. Make sure first that it is they who ask.
    </ConfirmModal>
  );
}
