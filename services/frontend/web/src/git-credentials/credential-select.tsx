import { Button, Flex, FlexItem, FormSelect, FormSelectOption } from "@patternfly/react-core";
import { useState, type ReactNode } from "react";
import { useMay } from "../session/session.ts";
import { CredentialModal } from "./credential-modal.tsx";
import { useGitCredentials } from "./credential-queries.ts";

interface CredentialSelectProps {
  id: string;
  /** Null: none. */
  value: string | null;
  onChange: (id: string | null) => void;
}

const kinds = { basic: "password or token", ssh: "SSH key" } as const;

/** Chooses a stored credential, or stores a new one on the way. */
export function CredentialSelect({ id, value, onChange }: CredentialSelectProps): ReactNode {
  const credentials = useGitCredentials();
  const may = useMay("admin");
  const [isAdding, setIsAdding] = useState(false);
  return (
    <Flex gap={{ default: "gapSm" }}>
      <FlexItem grow={{ default: "grow" }}>
        <FormSelect
          id={id}
          value={value ?? ""}
          onChange={(_event, chosen) => onChange(chosen === "" ? null : chosen)}
        >
          <FormSelectOption value="" label="None: the repository is public" />
          {(credentials.data ?? []).map((credential) => (
            <FormSelectOption
              key={credential.id}
              value={credential.id}
              label={`${credential.name} (${kinds[credential.kind]})`}
            />
          ))}
        </FormSelect>
      </FlexItem>
      {may && (
        <FlexItem>
          <Button variant="secondary" onClick={() => setIsAdding(true)}>
            New credential
          </Button>
        </FlexItem>
      )}
      {isAdding && (
        <CredentialModal
          onStored={(stored) => {
            onChange(stored);
            setIsAdding(false);
          }}
          onClose={() => setIsAdding(false)}
        />
      )}
    </Flex>
  );
}
