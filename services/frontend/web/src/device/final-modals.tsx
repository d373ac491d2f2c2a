import { Content } from "@patternfly/react-core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useNavigate } from "react-router";
import { useApi } from "../api/api-context.ts";
import { unwrap } from "../api/client.ts";
import { ConfirmModal } from "../components/confirm-modal.tsx";
import { useToasts } from "../components/toasts.ts";
import type { Device } from "./use-device.ts";

interface ModalProps {
  device: Device;
  onClose: () => void;
}

export function RevokeModal({ device: { id, name }, onClose }: ModalProps): ReactNode {
  const api = useApi();
  const queries = useQueryClient();
  const toasts = useToasts();
  const revoking = useMutation({
    mutationFn: () =>
      unwrap(api.POST("/api/v1/devices/{id}/certificates/revoke", { params: { path: { id } } })),
    onSuccess({ revoked }) {
      toasts.add({
        title: `${revoked} ${revoked === 1 ? "certificate" : "certificates"} of ${name} revoked`,
      });
      void queries.invalidateQueries({ queryKey: ["devices"] });
      onClose();
    },
  });
  return (
    <ConfirmModal
      title={`Revoke the certificates of ${name}?`}
      confirmLabel="Revoke"
      isDanger
      isPending={revoking.isPending}
      error={revoking.error}
      onConfirm={() => revoking.mutate()}
      onClose={onClose}
    >
      <Content component="p">
        Its session ends at once. The device is still trusted: it gets a new certificate with its device token
        by itself. To keep it out, disable it instead.
      </Content>
    </ConfirmModal>
  );
}

export function DeleteModal({ device: { id, name, presence }, onClose }: ModalProps): ReactNode {
  const api = useApi();
  const queries = useQueryClient();
  const toasts = useToasts();
  const navigate = useNavigate();
  const deleting = useMutation({
    mutationFn: () => unwrap(api.DELETE("/api/v1/devices/{id}", { params: { path: { id } } })),
    async onSuccess() {
      toasts.add({ title: `${name} was deleted` });
      queries.removeQueries({ queryKey: ["devices", id] });
      void queries.invalidateQueries({ queryKey: ["devices"] });
      await navigate("/devices", { replace: true });
    },
  });
  return (
    <ConfirmModal
      title={`Delete ${name}?`}
      confirmLabel="Delete"
      isDanger
      typed={name}
      isPending={deleting.isPending}
      error={deleting.error}
      onConfirm={() => deleting.mutate()}
      onClose={onClose}
    >
      <Content component="p">
        Its history goes with it.
        {presence.online
          ? ""
          : " If it was not told yet that it is decommissioned, it can't be told after this."}
      </Content>
    </ConfirmModal>
  );
}
