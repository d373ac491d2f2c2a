import { Button, Form, Modal, ModalBody, ModalFooter, ModalHeader } from "@patternfly/react-core";
import { useId, useState, type ReactNode } from "react";
import { ProblemAlert } from "../components/problem-alert.tsx";
import { relativeTime } from "../components/relative-time.ts";
import { useToasts } from "../components/toasts.ts";
import { useNow } from "../components/use-now.ts";
import { LabelsField } from "./labels-field.tsx";
import { DeviceCapField, ExpiryField, expiresAtOf } from "./limit-fields.tsx";
import { NameFields } from "./name-fields.tsx";
import { TemplatesField } from "./templates-field.tsx";
import type { TokenDraft } from "./token-review.tsx";
import type { Token } from "./token.ts";
import { useChangeToken } from "./use-tokens.ts";

function keptText({ expiresAt }: Token, now: number): string {
  if (expiresAt === null) return "As it is: never";
  return `As it is: ${relativeTime(new Date(expiresAt), now)}`;
}

/** Changes a token on top of what was seen; refused where somebody else was faster. */
export function TokenEditModal({ token, onClose }: { token: Token; onClose: () => void }): ReactNode {
  const [draft, setDraft] = useState<TokenDraft>(() => ({ ...token, expiry: { choice: "keep", date: "" } }));
  const [seen] = useState(token);
  const now = useNow();
  const titleId = useId();
  const formId = useId();
  const toasts = useToasts();
  const save = useChangeToken();
  const change = (part: Partial<TokenDraft>): void => setDraft((before) => ({ ...before, ...part }));
  const isKept = draft.expiry.choice === "keep";
  const expiresAt = isKept ? undefined : expiresAtOf(draft.expiry, now);
  const isReady = draft.name.trim() !== "" && (isKept || expiresAt !== undefined);
  const submit = (): void => {
    const { name, approval, maxDevices, labels, templateIds } = draft;
    const changes = { name, approval, maxDevices, labels, templateIds };
    save.mutate(
      { token: seen, change: expiresAt === undefined ? changes : { ...changes, expiresAt } },
      {
        onSuccess: ({ name: saved }) => {
          toasts.add({ title: `${saved} is changed` });
          onClose();
        },
      },
    );
  };
  return (
    <Modal isOpen variant="medium" onClose={onClose} aria-labelledby={titleId}>
      <ModalHeader title={`Edit ${seen.name}`} labelId={titleId} />
      <ModalBody>
        <Form
          id={formId}
          onSubmit={(event) => {
            event.preventDefault();
            if (isReady) submit();
          }}
        >
          <ProblemAlert error={save.error} title="It was not changed" />
          <NameFields value={draft} onChange={change} />
          <ExpiryField
            expiry={draft.expiry}
            kept={keptText(seen, now)}
            onChange={(expiry) => change({ expiry })}
          />
          <DeviceCapField
            maxDevices={draft.maxDevices}
            usedCount={seen.usedCount}
            onChange={(maxDevices) => change({ maxDevices })}
          />
          <LabelsField labels={draft.labels} onChange={(labels) => change({ labels })} />
          <TemplatesField chosen={draft.templateIds} onChange={(templateIds) => change({ templateIds })} />
        </Form>
      </ModalBody>
      <ModalFooter>
        <Button
          type="submit"
          form={formId}
          isDisabled={!isReady || save.isPending}
          isLoading={save.isPending}
        >
          Save
        </Button>
        <Button variant="link" onClick={onClose}>
          Cancel
        </Button>
      </ModalFooter>
    </Modal>
  );
}
