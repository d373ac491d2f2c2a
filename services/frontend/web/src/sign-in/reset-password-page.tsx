import { ActionGroup, Alert, Button, Form, LoginMainFooterBandItem } from "@patternfly/react-core";
import { useMutation } from "@tanstack/react-query";
import { useState, type FormEvent, type ReactNode } from "react";
import { Link } from "react-router";
import { useApi } from "../api/api-context.ts";
import { unwrap } from "../api/client.ts";
import { NewPasswordField } from "../components/new-password-field.tsx";
import { passwordStrength } from "../components/password-strength.ts";
import { ProblemAlert } from "../components/problem-alert.tsx";
import { SignInLayout } from "./sign-in-layout.tsx";
import { useLinkToken } from "./use-link-token.ts";

/** Where the link to reset a password leads. */
export function ResetPasswordPage(): ReactNode {
  const api = useApi();
  const token = useLinkToken();
  const [newPassword, setNewPassword] = useState("");
  const reset = useMutation({
    mutationFn: () => unwrap(api.POST("/api/v1/password-reset/complete", { body: { token, newPassword } })),
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    reset.mutate();
  };
  const links = (
    <LoginMainFooterBandItem>
      <Link to="/">Go to the sign-in page</Link>
    </LoginMainFooterBandItem>
  );
  if (reset.isSuccess) {
    return (
      <SignInLayout title="Your password is changed" links={links}>
        <Alert variant="success" isInline title="You are signed out everywhere" aria-live="polite">
          Sign in with the new password. If you have a second factor, it is still asked for.
        </Alert>
      </SignInLayout>
    );
  }
  return (
    <SignInLayout title="Choose a new password" links={links}>
      <Form onSubmit={submit}>
        <ProblemAlert error={reset.error} title="The password could not be changed" />
        {token === "" && (
          <Alert variant="warning" isInline title="The link is not complete">
            Open it again from where you have it, all of it.
          </Alert>
        )}
        <NewPasswordField
          id="new-password"
          label="New password"
          value={newPassword}
          autoFocus
          onChange={setNewPassword}
        />
        <ActionGroup>
          <Button
            type="submit"
            isBlock
            isLoading={reset.isPending}
            isDisabled={token === "" || passwordStrength(newPassword).score === 0 || reset.isPending}
          >
            Set the password
          </Button>
        </ActionGroup>
      </Form>
    </SignInLayout>
  );
}
