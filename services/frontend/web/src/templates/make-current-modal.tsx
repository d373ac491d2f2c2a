import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useApi } from "../api/api-context.ts";
import { ifMatch, unwrap } from "../api/client.ts";
import { ConfirmModal } from "../components/confirm-modal.tsx";
import { useToasts } from "../components/toasts.ts";
import { useTemplateUsage, type Template, type TemplateVersion } from "./template-queries.ts";
import { countOf } from "./usage-health.ts";

interface MakeCurrentModalProps {
  template: Template;
  version: TemplateVersion;
  onClose: () => void;
}

/** Asks before another version becomes the current one, and says how many devices that changes. */
export function MakeCurrentModal({ template, version, onClose }: MakeCurrentModalProps): ReactNode {
  const api = useApi();
  const queries = useQueryClient();
  const toasts = useToasts();
  const usage = useTemplateUsage([template.id]).data?.get(template.id);
  const raise = useMutation({
    mutationFn: () =>
      unwrap(
        api.PUT("/api/v1/templates/{id}/current-version", {
          params: { path: { id: template.id } },
          headers: ifMatch(template.version),
          body: { versionId: version.id },
        }),
      ),
    onSuccess() {
      toasts.add({ title: `Version ${version.number} is the current one` });
      onClose();
    },
    // After a refusal too: somebody else changed it, and the next attempt is on what is there now.
    onSettled: () => queries.invalidateQueries({ queryKey: ["templates"] }),
  });
  const followers = usage?.followerCount ?? 0;
  return (
    <ConfirmModal
      title={`Make version ${version.number} the current one?`}
      confirmLabel="Make current"
      isPending={raise.isPending}
      error={raise.error}
      onConfirm={() => raise.mutate()}
      onClose={onClose}
    >
      <p>
        {usage === undefined
          ? "Devices that follow the template will run it."
          : followers === 0
            ? "No device follows the template now; those that do later will run it."
            : `${countOf(followers, "device")} that follow${followers === 1 ? "s" : ""} the template will run it as soon as they are online.`}{" "}
        Devices that are pinned to a version keep theirs.
      </p>
      {template.source.kind === "git" && <p>It stays until the repository has a new commit.</p>}
    </ConfirmModal>
  );
}
