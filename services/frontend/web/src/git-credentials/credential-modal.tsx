import {
  Button,
  Form,
  FormGroup,
  FormHelperText,
  HelperText,
  HelperTextItem,
  Modal,
  ModalBody,
  ModalFooter,
  ModalHeader,
  Radio,
  TextArea,
  TextInput,
} from "@patternfly/react-core";
import { useId, useState, type FormEvent, type ReactNode } from "react";
import { ProblemAlert } from "../components/problem-alert.tsx";
import { useStoreCredential, type CredentialValue, type GitCredential } from "./credential-queries.ts";

interface Fields {
  name: string;
  kind: "basic" | "ssh";
  username: string;
  password: string;
  privateKey: string;
  knownHosts: string;
  caCertificates: string;
}

const blank: Fields = {
  name: "",
  kind: "basic",
  username: "git",
  password: "",
  privateKey: "",
  knownHosts: "",
  caCertificates: "",
};

function valueOf(fields: Fields): CredentialValue {
  const { kind, username, password, privateKey, knownHosts, caCertificates } = fields;
  if (kind === "basic") {
    return { kind, username, password, ...(caCertificates === "" ? {} : { caCertificates }) };
  }
  return { kind, privateKey, ...(knownHosts === "" ? {} : { knownHosts }) };
}

const isComplete = ({ name, kind, password, privateKey }: Fields): boolean =>
  name.trim() !== "" && (kind === "basic" ? password : privateKey) !== "";

interface PartProps {
  fields: Fields;
  set: (part: Partial<Fields>) => void;
}

function Hint({ children }: { children: ReactNode }): ReactNode {
  return (
    <FormHelperText>
      <HelperText>
        <HelperTextItem>{children}</HelperTextItem>
      </HelperText>
    </FormHelperText>
  );
}

function BasicFields({ fields, set }: PartProps): ReactNode {
  return (
    <>
      <FormGroup label="User name" fieldId="credential-username">
        <TextInput
          id="credential-username"
          value={fields.username}
          maxLength={256}
          autoComplete="off"
          onChange={(_event, username) => set({ username })}
        />
      </FormGroup>
      <FormGroup label="Password or token" fieldId="credential-password" isRequired>
        <TextInput
          id="credential-password"
          type="password"
          value={fields.password}
          isRequired
          maxLength={8_192}
          autoComplete="new-password"
          onChange={(_event, password) => set({ password })}
        />
        <Hint>A deploy token that may only read is best. It is sealed, and never shown again.</Hint>
      </FormGroup>
      <FormGroup label="Certificate authorities" fieldId="credential-ca">
        <TextArea
          id="credential-ca"
          value={fields.caCertificates}
          maxLength={32_768}
          rows={3}
          resizeOrientation="vertical"
          onChange={(_event, caCertificates) => set({ caCertificates })}
        />
        <Hint>PEM, only for a server whose certificate no public authority has signed</Hint>
      </FormGroup>
    </>
  );
}

function SshFields({ fields, set }: PartProps): ReactNode {
  return (
    <>
      <FormGroup label="Private key" fieldId="credential-key" isRequired>
        <TextArea
          id="credential-key"
          value={fields.privateKey}
          isRequired
          maxLength={16_384}
          rows={6}
          resizeOrientation="vertical"
          autoComplete="off"
          spellCheck="false"
          onChange={(_event, privateKey) => set({ privateKey })}
        />
        <Hint>OpenSSH or PEM, without a passphrase. It is sealed, and never shown again.</Hint>
      </FormGroup>
      <FormGroup label="Host keys" fieldId="credential-hosts">
        <TextArea
          id="credential-hosts"
          value={fields.knownHosts}
          maxLength={32_768}
          rows={3}
          resizeOrientation="vertical"
          spellCheck="false"
          onChange={(_event, knownHosts) => set({ knownHosts })}
        />
        <Hint>
          Lines that ssh-keyscan prints for the host; compare them with what the host&apos;s operator
          publishes
        </Hint>
      </FormGroup>
    </>
  );
}

interface CredentialModalProps {
  /** The one whose value is replaced; absent: a new one. */
  existing?: GitCredential;
  onStored: (id: string) => void;
  onClose: () => void;
}

/** Takes a credential for Git; it goes in, and never out again. */
export function CredentialModal({ existing, onStored, onClose }: CredentialModalProps): ReactNode {
  const [fields, setFields] = useState<Fields>(() =>
    existing === undefined ? blank : { ...blank, name: existing.name, kind: existing.kind },
  );
  const store = useStoreCredential(existing?.id ?? null, onStored);
  const ids = { title: useId(), form: useId() };
  const set = (part: Partial<Fields>): void => setFields((before) => ({ ...before, ...part }));
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (isComplete(fields)) store.mutate({ name: fields.name, value: valueOf(fields) });
  };
  const title = existing === undefined ? "New Git credential" : `Replace ${existing.name}`;
  return (
    <Modal isOpen variant="medium" onClose={onClose} aria-labelledby={ids.title}>
      <ModalHeader title={title} labelId={ids.title} />
      <ModalBody>
        <Form id={ids.form} onSubmit={submit}>
          <ProblemAlert error={store.error} title="It was refused" />
          {existing === undefined && (
            <FormGroup label="Name" fieldId="credential-name" isRequired>
              <TextInput
                id="credential-name"
                value={fields.name}
                isRequired
                autoFocus
                maxLength={100}
                autoComplete="off"
                onChange={(_event, name) => set({ name })}
              />
            </FormGroup>
          )}
          <FormGroup label="Kind" role="radiogroup" isInline>
            <Radio
              id="credential-basic"
              name="credential-kind"
              label="User name and password or token (HTTPS)"
              isChecked={fields.kind === "basic"}
              onChange={() => set({ kind: "basic" })}
            />
            <Radio
              id="credential-ssh"
              name="credential-kind"
              label="SSH key"
              isChecked={fields.kind === "ssh"}
              onChange={() => set({ kind: "ssh" })}
            />
          </FormGroup>
          {fields.kind === "basic" ? (
            <BasicFields fields={fields} set={set} />
          ) : (
            <SshFields fields={fields} set={set} />
          )}
        </Form>
      </ModalBody>
      <ModalFooter>
        <Button
          type="submit"
          form={ids.form}
          isDisabled={!isComplete(fields) || store.isPending}
          isLoading={store.isPending}
        >
          {existing === undefined ? "Store" : "Replace"}
        </Button>
        <Button variant="link" onClick={onClose}>
          Cancel
        </Button>
      </ModalFooter>
    </Modal>
  );
}
