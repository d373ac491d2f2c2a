import { FormGroup, FormHelperText, HelperText, HelperTextItem, TextInput } from "@patternfly/react-core";
import { useMutation } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { useNavigate } from "react-router";
import { useApi } from "../api/api-context.ts";
import { unwrap } from "../api/client.ts";
import { FormModal } from "../components/form-modal.tsx";
import { useToasts } from "../components/toasts.ts";
import { useSession } from "../session/session.ts";

/** Creates an organisation and shows it. */
export function CreateOrganizationModal({ onClose }: { onClose: () => void }): ReactNode {
  const api = useApi();
  const toasts = useToasts();
  const navigate = useNavigate();
  const { switchOrganization } = useSession();
  const [name, setName] = useState("");
  const create = useMutation({
    mutationFn: () => unwrap(api.POST("/api/v1/organizations", { body: { name: name.trim() } })),
    onSuccess(organization) {
      toasts.add({ title: `Organisation ${organization.name} was created` });
      onClose();
      switchOrganization(organization.id);
      void navigate("/");
    },
  });
  return (
    <FormModal
      title="New organisation"
      submitLabel="Create"
      isReady={name.trim() !== ""}
      isPending={create.isPending}
      error={create.error}
      onSubmit={() => create.mutate()}
      onClose={onClose}
    >
      <FormGroup label="Name" fieldId="organization-name" isRequired>
        <TextInput
          id="organization-name"
          value={name}
          maxLength={100}
          autoFocus
          isRequired
          onChange={(_event, value) => setName(value)}
        />
        <FormHelperText>
          <HelperText>
            <HelperTextItem>
              It has devices, templates, members and a certificate authority of its own. You are its first
              owner.
            </HelperTextItem>
          </HelperText>
        </FormHelperText>
      </FormGroup>
    </FormModal>
  );
}
