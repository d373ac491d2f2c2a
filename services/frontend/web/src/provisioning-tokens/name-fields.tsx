import {
  FormGroup,
  FormHelperText,
  HelperText,
  HelperTextItem,
  Radio,
  TextInput,
} from "@patternfly/react-core";
import type { ReactNode } from "react";
import type { Token } from "./token.ts";

export interface NameChoices {
  name: string;
  approval: Token["approval"];
}

interface NameFieldsProps {
  value: NameChoices;
  onChange: (value: NameChoices) => void;
}

export function NameFields({ value, onChange }: NameFieldsProps): ReactNode {
  return (
    <>
      <FormGroup label="Name" fieldId="token-name" isRequired>
        <TextInput
          id="token-name"
          value={value.name}
          isRequired
          autoComplete="off"
          maxLength={100}
          onChange={(_event, name) => onChange({ ...value, name })}
        />
        <FormHelperText>
          <HelperText>
            <HelperTextItem>For people, such as the site or the batch of devices it is for.</HelperTextItem>
          </HelperText>
        </FormHelperText>
      </FormGroup>
      <FormGroup role="radiogroup" isStack label="Approval" fieldId="token-approval">
        <Radio
          id="token-approval-manual"
          name="token-approval"
          label="By hand"
          description="Devices wait until somebody approves them. Who finds the token gains nothing."
          isChecked={value.approval === "manual"}
          onChange={() => onChange({ ...value, approval: "manual" })}
        />
        <Radio
          id="token-approval-automatic"
          name="token-approval"
          label="Automatic"
          description="Whoever has the token enrols at once. Give it an expiry and a limit."
          isChecked={value.approval === "automatic"}
          onChange={() => onChange({ ...value, approval: "automatic" })}
        />
      </FormGroup>
    </>
  );
}
