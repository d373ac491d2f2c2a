import { useState, type ReactNode } from "react";
import { useToasts } from "../components/toasts.ts";
import { ChangeRefused } from "./change-refused.tsx";
import { FormModal } from "./form-modal.tsx";
import { NameFields } from "./name-fields.tsx";
import type { Template } from "./template-queries.ts";
import { useTemplateChange } from "./use-template-change.ts";

/** Changes name and description. */
export function DetailsModal({ template, onClose }: { template: Template; onClose: () => void }): ReactNode {
  const [opened] = useState(template);
  const [names, setNames] = useState({ name: template.name, description: template.description });
  const toasts = useToasts();
  const save = useTemplateChange(template.id, ({ name }) => {
    toasts.add({ title: `Template ${name} was changed` });
    onClose();
  });
  const submit = (version: number): void => save.mutate({ change: names, version });
  return (
    <FormModal
      title="Edit name and description"
      isReady={names.name.trim() !== ""}
      isPending={save.isPending}
      onSubmit={() => submit(opened.version)}
      onClose={onClose}
    >
      <ChangeRefused error={save.error} current={template} onKeep={() => submit(template.version)} />
      <NameFields names={names} onChange={setNames} />
    </FormModal>
  );
}
