import {
  FormGroup,
  FormHelperText,
  HelperText,
  HelperTextItem,
  TextArea,
  TextInput,
} from "@patternfly/react-core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { useApi } from "../api/api-context.ts";
import { unwrap } from "../api/client.ts";
import { ProblemAlert } from "../components/problem-alert.tsx";
import { useToasts } from "../components/toasts.ts";
import { FormModal } from "../templates/form-modal.tsx";
import { secretNameFault, secretValueFault } from "./secret-rules.ts";

interface SecretModalProps {
  /** Null: a new one. */
  name: string | null;
  /** Names that are taken, so that nothing is replaced unawares. */
  taken: readonly string[];
  onClose: () => void;
}

function useStoreSecret(onStored: () => void) {
  const api = useApi();
  const queries = useQueryClient();
  const toasts = useToasts();
  return useMutation({
    mutationFn: ({ name, value }: { name: string; value: string }) =>
      unwrap(api.PUT("/api/v1/secrets/{name}", { params: { path: { name } }, body: { value } })),
    async onSuccess({ name, version }) {
      toasts.add({
        title: version === 1 ? `Secret ${name} was stored` : `Secret ${name} has a new value`,
        description: "Devices that use it get it as soon as they are online.",
      });
      onStored();
      await queries.invalidateQueries({ queryKey: ["secrets"] });
    },
  });
}

function Hint({ fault, children }: { fault: string | null; children: ReactNode }): ReactNode {
  return (
    <FormHelperText>
      <HelperText>
        <HelperTextItem variant={fault === null ? "default" : "error"}>{fault ?? children}</HelperTextItem>
      </HelperText>
    </FormHelperText>
  );
}

/** Takes a secret's value; it goes in, and only devices get it out. */
export function SecretModal({ name: existing, taken, onClose }: SecretModalProps): ReactNode {
  const [name, setName] = useState(existing ?? "");
  const [value, setValue] = useState("");
  const store = useStoreSecret(onClose);
  const nameFault = existing === null ? secretNameFault(name, taken) : null;
  const valueFault = secretValueFault(value);
  const isReady = nameFault === null && valueFault === null && name !== "";
  return (
    <FormModal
      title={existing === null ? "New secret" : `New value of ${existing}`}
      isReady={isReady}
      isPending={store.isPending}
      onSubmit={() => store.mutate({ name, value })}
      onClose={onClose}
    >
      <ProblemAlert error={store.error} title="It was refused" />
      {existing === null && (
        <FormGroup label="Name" fieldId="secret-name" isRequired>
          <TextInput
            id="secret-name"
            value={name}
            isRequired
            autoFocus
            autoComplete="off"
            spellCheck="false"
            maxLength={128}
            validated={nameFault === null || name === "" ? "default" : "error"}
            onChange={(_event, text) => setName(text)}
          />
          <Hint fault={name === "" ? null : nameFault}>
            {`Templates refer to it as \${secret.${name === "" ? "NAME" : name}}`}
          </Hint>
        </FormGroup>
      )}
      <FormGroup label="Value" fieldId="secret-value" isRequired>
        <TextArea
          id="secret-value"
          value={value}
          isRequired
          rows={4}
          resizeOrientation="vertical"
          autoComplete="off"
          spellCheck="false"
          validated={valueFault === null ? "default" : "error"}
          onChange={(_event, text) => setValue(text)}
        />
        <Hint fault={valueFault}>It is taken as it is, line breaks too, and never shown again.</Hint>
      </FormGroup>
    </FormModal>
  );
}
