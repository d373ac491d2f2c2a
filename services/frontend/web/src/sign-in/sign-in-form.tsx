import { ActionGroup, Button, Form, FormGroup } from "@patternfly/react-core";
import { type FormEvent, type ReactNode } from "react";
import { hasCode } from "../api/problem.ts";
import { PasswordInput } from "../components/password-input.tsx";
import { ProblemAlert } from "../components/problem-alert.tsx";
import { TextField } from "../components/text-field.tsx";
import type { Login } from "./use-sign-in.ts";

interface SignInFormProps {
  login: Login;
  onChange: (login: Login) => void;
  onSubmit: () => void;
  isPending: boolean;
  error: unknown;
  /** Shown where the account waits for its confirmation. */
  unconfirmed: ReactNode;
}

/** User name and password. */
export function SignInForm(props: SignInFormProps): ReactNode {
  const { login, onChange, onSubmit, isPending, error, unconfirmed } = props;
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    onSubmit();
  };
  const isUnconfirmed = hasCode(error, "email_unconfirmed");
  return (
    <Form onSubmit={submit}>
      {isUnconfirmed ? unconfirmed : <ProblemAlert error={error} title="You could not be signed in" />}
      <TextField
        id="username"
        label="User name or e-mail address"
        value={login.username}
        autoComplete="username"
        autoFocus
        onChange={(username) => onChange({ ...login, username })}
      />
      <FormGroup label="Password" fieldId="password" isRequired>
        <PasswordInput
          id="password"
          value={login.password}
          autoComplete="current-password"
          onChange={(password) => onChange({ ...login, password })}
        />
      </FormGroup>
      <ActionGroup>
        <Button
          type="submit"
          isBlock
          isLoading={isPending}
          isDisabled={login.username === "" || login.password === "" || isPending}
        >
          Sign in
        </Button>
      </ActionGroup>
    </Form>
  );
}
