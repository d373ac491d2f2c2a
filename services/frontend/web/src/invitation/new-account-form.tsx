import {
  ActionGroup,
  Button,
  Form,
  FormGroup,
  FormHelperText,
  HelperText,
  HelperTextItem,
  TextInput,
} from "@patternfly/react-core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type FormEvent, type ReactNode } from "react";
import { useNavigate } from "react-router";
import { useApi } from "../api/api-context.ts";
import { unwrap } from "../api/client.ts";
import { PasswordInput } from "../components/password-input.tsx";
import { ProblemAlert } from "../components/problem-alert.tsx";

const minPasswordLength = 12;

/** Makes the account, joins, and signs in. */
export function NewAccountForm({ token, email }: { token: string; email: string }): ReactNode {
  const api = useApi();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const join = useMutation({
    async mutationFn() {
      await unwrap(
        api.POST("/api/v1/invitations/accept-with-account", { body: { token, username, password } }),
      );
      await unwrap(api.POST("/api/v1/login", { body: { username, password } }));
    },
    async onSuccess() {
      await queries.resetQueries({ queryKey: ["me"] });
      await navigate("/", { replace: true });
    },
  });
  const isReady = username.length > 1 && password.length >= minPasswordLength;
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (isReady) join.mutate();
  };
  return (
    <Form onSubmit={submit}>
      <ProblemAlert error={join.error} title="You could not join" />
      <FormGroup label="E-mail address" fieldId="invited-email">
        <TextInput id="invited-email" value={email} readOnlyVariant="default" />
      </FormGroup>
      <FormGroup label="User name" fieldId="new-username" isRequired>
        <TextInput
          id="new-username"
          value={username}
          maxLength={64}
          autoComplete="username"
          autoFocus
          isRequired
          onChange={(_event, value) => setUsername(value.toLowerCase())}
        />
      </FormGroup>
      <FormGroup label="Password" fieldId="new-password" isRequired>
        <PasswordInput
          id="new-password"
          value={password}
          autoComplete="new-password"
          describedBy="new-password-help"
          onChange={setPassword}
        />
        <FormHelperText id="new-password-help">
          <HelperText>
            <HelperTextItem>At least {minPasswordLength} characters; a few words are good.</HelperTextItem>
          </HelperText>
        </FormHelperText>
      </FormGroup>
      <ActionGroup>
        <Button type="submit" isBlock isDisabled={!isReady || join.isPending} isLoading={join.isPending}>
          Make the account and join
        </Button>
      </ActionGroup>
    </Form>
  );
}
