import {
  Alert,
  Button,
  ClipboardCopy,
  FormGroup,
  Modal,
  ModalBody,
  ModalFooter,
  ModalHeader,
  TextInput,
} from "@patternfly/react-core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useId, useState, type ReactNode } from "react";
import { useApi } from "../api/api-context.ts";
import { unwrap } from "../api/client.ts";
import { ChoiceField } from "../components/choice-field.tsx";
import { FormModal } from "../components/form-modal.tsx";

const scopes = [
  { value: "read", label: "Read: may look" },
  { value: "write", label: "Write: may also do what an operator may" },
  { value: "admin", label: "Admin: all that you may" },
] as const;

const lifetimes = [
  { value: "30", label: "30 days" },
  { value: "90", label: "90 days" },
  { value: "365", label: "A year" },
  { value: "never", label: "Never expires" },
] as const;

const dayMs = 86_400_000;

/** ISO 8601, or null for never. */
function expiryOf(lifetime: (typeof lifetimes)[number]["value"]): string | null {
  return lifetime === "never" ? null : new Date(Date.now() + Number(lifetime) * dayMs).toISOString();
}

interface CreateTokenModalProps {
  onCreated: (token: string) => void;
  onClose: () => void;
}

export function CreateTokenModal({ onCreated, onClose }: CreateTokenModalProps): ReactNode {
  const api = useApi();
  const queries = useQueryClient();
  const [name, setName] = useState("");
  const [scope, setScope] = useState<(typeof scopes)[number]["value"]>("read");
  const [lifetime, setLifetime] = useState<(typeof lifetimes)[number]["value"]>("90");
  const create = useMutation({
    mutationFn: () =>
      unwrap(
        api.POST("/api/v1/api-tokens", {
          body: { name: name.trim(), scopes: [scope], expiresAt: expiryOf(lifetime) },
        }),
      ),
    async onSuccess({ token }) {
      onClose();
      onCreated(token);
      await queries.invalidateQueries({ queryKey: ["api-tokens"] });
    },
  });
  return (
    <FormModal
      title="New API token"
      description="For a program that works in this organisation in your name."
      submitLabel="Create"
      isReady={name.trim() !== ""}
      isPending={create.isPending}
      error={create.error}
      onSubmit={() => create.mutate()}
      onClose={onClose}
    >
      <FormGroup label="Name" fieldId="token-name" isRequired>
        <TextInput
          id="token-name"
          value={name}
          maxLength={100}
          autoFocus
          isRequired
          onChange={(_event, value) => setName(value)}
        />
      </FormGroup>
      <FormGroup label="Scope" fieldId="token-scope">
        <ChoiceField id="token-scope" value={scope} choices={scopes} onChange={setScope} />
      </FormGroup>
      <FormGroup label="Expires" fieldId="token-lifetime">
        <ChoiceField id="token-lifetime" value={lifetime} choices={lifetimes} onChange={setLifetime} />
      </FormGroup>
    </FormModal>
  );
}

/** The token, which can't be shown again. */
export function CreatedTokenModal({ token, onClose }: { token: string; onClose: () => void }): ReactNode {
  const titleId = useId();
  return (
    <Modal isOpen variant="medium" onClose={onClose} aria-labelledby={titleId}>
      <ModalHeader title="The API token" labelId={titleId} />
      <ModalBody>
        <ClipboardCopy isReadOnly isCode hoverTip="Copy" clickTip="Copied" textAriaLabel="API token">
          {token}
        </ClipboardCopy>
        <Alert
          variant="warning"
          isInline
          isPlain
          title="It is shown this once. Keep it as you keep a password."
        />
      </ModalBody>
      <ModalFooter>
        <Button onClick={onClose}>Done</Button>
      </ModalFooter>
    </Modal>
  );
}
