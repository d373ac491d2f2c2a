import { useState, type ReactNode } from "react";
import { useToasts } from "../components/toasts.ts";
import { ChangeRefused } from "./change-refused.tsx";
import { ConnectionTest } from "./connection-test.tsx";
import { FormModal } from "./form-modal.tsx";
import { GitFields, type GitSettings } from "./git-fields.tsx";
import type { Template } from "./template-queries.ts";
import { useTemplateChange } from "./use-template-change.ts";

interface GitSourceModalProps {
  template: Template;
  source: GitSettings;
  onClose: () => void;
}

/** Changes where in Git a template is; it is fetched before it is saved. */
export function GitSourceModal({ template, source, onClose }: GitSourceModalProps): ReactNode {
  const [opened] = useState(template);
  const [git, setGit] = useState<GitSettings>(() => {
    const { url, ref, path, credentialId, pollIntervalMs } = source;
    return { url, ref, path: path === "." ? "" : path, credentialId, pollIntervalMs };
  });
  const toasts = useToasts();
  const save = useTemplateChange(template.id, ({ name, versionCount }) => {
    const isNew = versionCount > opened.versionCount;
    toasts.add({ title: isNew ? `${name} has a new version` : `The source of ${name} was changed` });
    onClose();
  });
  const submit = (version: number): void => save.mutate({ change: { git }, version });
  return (
    <FormModal
      title="Edit the Git source"
      isReady={git.url !== ""}
      isPending={save.isPending}
      onSubmit={() => submit(opened.version)}
      onClose={onClose}
    >
      <ChangeRefused error={save.error} current={template} onKeep={() => submit(template.version)} />
      <GitFields git={git} onChange={setGit} />
      <ConnectionTest git={git} />
    </FormModal>
  );
}
