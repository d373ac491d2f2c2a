import { Form, FormGroup } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { PasswordInput } from "../components/password-input.tsx";
import { TextField } from "../components/text-field.tsx";

export interface Proof {
  password: string;
  code: string;
}

export const noProof: Proof = { password: "", code: "" };
export const isProof = ({ password, code }: Proof): boolean => password !== "" && code.trim().length >= 6;

interface ProofFormProps {
  id: string;
  proof: Proof;
  onChange: (proof: Proof) => void;
  onSubmit: () => void;
}

/** Password and code, for what weakens the second factor. */
export function ProofForm({ id, proof, onChange, onSubmit }: ProofFormProps): ReactNode {
  return (
    <Form
      id={id}
      onSubmit={(event) => {
        event.preventDefault();
        if (isProof(proof)) onSubmit();
      }}
    >
      <FormGroup label="Password" fieldId="proof-password" isRequired>
        <PasswordInput
          id="proof-password"
          value={proof.password}
          autoComplete="current-password"
          autoFocus
          onChange={(password) => onChange({ ...proof, password })}
        />
      </FormGroup>
      <TextField
        id="proof-code"
        label="Code of your app, or a recovery code"
        value={proof.code}
        autoComplete="one-time-code"
        onChange={(code) => onChange({ ...proof, code })}
      />
    </Form>
  );
}
