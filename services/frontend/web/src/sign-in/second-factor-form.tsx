import { ActionGroup, Button, Form } from "@patternfly/react-core";
import { useState, type FormEvent, type ReactNode } from "react";
import { ProblemAlert } from "../components/problem-alert.tsx";
import { TextField } from "../components/text-field.tsx";

interface SecondFactorFormProps {
  onSubmit: (code: string) => void;
  onBack: () => void;
  isPending: boolean;
  error: unknown;
}

/** The code beside the password: of the app, or one for the day the phone is gone. */
export function SecondFactorForm({ onSubmit, onBack, isPending, error }: SecondFactorFormProps): ReactNode {
  const [code, setCode] = useState("");
  const [isRecovery, setIsRecovery] = useState(false);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    onSubmit(code);
  };
  const change = (): void => {
    setIsRecovery(!isRecovery);
    setCode("");
  };
  return (
    <Form onSubmit={submit}>
      <ProblemAlert error={error} title="The code was not accepted" />
      {isRecovery ? (
        <TextField
          key="recovery"
          id="recovery-code"
          label="Recovery code"
          help="One of those you were given when you turned the second factor on. Each is good once."
          value={code}
          autoFocus
          onChange={setCode}
        />
      ) : (
        <TextField
          key="code"
          id="code"
          label="Code of your authenticator app"
          help="Six digits; a new one every 30 seconds."
          value={code}
          autoComplete="one-time-code"
          inputMode="numeric"
          autoFocus
          onChange={setCode}
        />
      )}
      <ActionGroup>
        <Button type="submit" isBlock isLoading={isPending} isDisabled={code.trim().length < 6 || isPending}>
          Verify
        </Button>
        <Button variant="link" isBlock onClick={change}>
          {isRecovery ? "Use the authenticator app" : "Use a recovery code"}
        </Button>
        <Button variant="link" isBlock onClick={onBack}>
          Sign in as somebody else
        </Button>
      </ActionGroup>
    </Form>
  );
}
