import { ActionGroup, Button, Form, FormGroup, TextInput } from "@patternfly/react-core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type FormEvent, type ReactNode } from "react";
import { unwrap } from "../api/client.ts";
import { useApi } from "../api/api-context.ts";
import { ProblemAlert } from "../components/problem-alert.tsx";

export function SignInForm(): ReactNode {
  const api = useApi();
  const queries = useQueryClient();
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const signIn = useMutation({
    mutationFn: () => unwrap(api.POST("/api/v1/login", { body: { username, password } })),
    // The answer's cookie is what counts; the account is read anew with it.
    onSuccess: () => queries.resetQueries({ queryKey: ["me"] }),
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    signIn.mutate();
  };
  return (
    <Form onSubmit={submit}>
      <ProblemAlert error={signIn.error} title="You could not be signed in" />
      <FormGroup label="User name or e-mail address" fieldId="username" isRequired>
        <TextInput
          id="username"
          value={username}
          autoComplete="username"
          autoFocus
          isRequired
          onChange={(_event, value) => setUsername(value)}
        />
      </FormGroup>
      <FormGroup label="Password" fieldId="password" isRequired>
        <TextInput
          id="password"
          type="password"
          value={password}
          autoComplete="current-password"
          isRequired
          onChange={(_event, value) => setPassword(value)}
        />
      </FormGroup>
      <ActionGroup>
        <Button
          type="submit"
          isBlock
          isLoading={signIn.isPending}
          isDisabled={username === "" || password === "" || signIn.isPending}
        >
          Sign in
        </Button>
      </ActionGroup>
    </Form>
  );
}
