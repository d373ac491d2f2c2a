import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useApi } from "../api/api-context.ts";
import { unwrap } from "../api/client.ts";
import { ConfirmModal } from "../components/confirm-modal.tsx";
import { useToasts } from "../components/toasts.ts";
import { useTemplateUsage, type Template } from "./template-queries.ts";
import { countOf } from "./usage-health.ts";

interface DeleteTemplateModalProps {
  template: Template;
  onClose: () => void;
  onDeleted?: () => void;
}

/** Asks before a template is deleted; one that is in use stays, and says by what. */
export function DeleteTemplateModal({ template, onClose, onDeleted }: DeleteTemplateModalProps): ReactNode {
  const api = useApi();
  const queries = useQueryClient();
  const toasts = useToasts();
  const usage = useTemplateUsage([template.id]).data?.get(template.id);
  const remove = useMutation({
    mutationFn: () => unwrap(api.DELETE("/api/v1/templates/{id}", { params: { path: { id: template.id } } })),
    async onSuccess() {
      toasts.add({ title: `Template ${template.name} was deleted` });
      onClose();
      onDeleted?.();
      await queries.invalidateQueries({ queryKey: ["templates", "list"] });
    },
  });
  return (
    <ConfirmModal
      title={`Delete ${template.name}?`}
      confirmLabel="Delete"
      isDanger
      isPending={remove.isPending}
      error={remove.error}
      onConfirm={() => remove.mutate()}
      onClose={onClose}
    >
      {(usage?.deviceCount ?? 0) > 0
        ? `It is assigned to ${countOf(usage?.deviceCount ?? 0, "device")}: take it away there first.`
        : `The template and its ${countOf(template.versionCount, "version")} are gone for good.`}
    </ConfirmModal>
  );
}
