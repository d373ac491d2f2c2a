import { ActionGroup, Alert, Button, Form, LoginMainFooterBandItem } from "@patternfly/react-core";
import { useMutation } from "@tanstack/react-query";
import type { FormEvent, ReactNode } from "react";
import { Link } from "react-router";
import { useApi } from "../api/api-context.ts";
import { unwrap } from "../api/client.ts";
import { ProblemAlert } from "../components/problem-alert.tsx";
import { SignInLayout } from "./sign-in-layout.tsx";
import { useLinkToken } from "./use-link-token.ts";

interface ConfirmFormProps {
  title: string;
  explanation: string;
  done: string;
  confirm: (token: string) => Promise<unknown>;
}

/** Asks for a click: programs that look through mail open links too, and would use it up. */
function ConfirmForm({ title, explanation, done, confirm }: ConfirmFormProps): ReactNode {
  const token = useLinkToken();
  const confirmation = useMutation({ mutationFn: () => confirm(token) });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    confirmation.mutate();
  };
  const links = (
    <LoginMainFooterBandItem>
      <Link to="/">Go to the sign-in page</Link>
    </LoginMainFooterBandItem>
  );
  return (
    <SignInLayout title={title} links={links}>
      {confirmation.isSuccess ? (
        <Alert variant="success" isInline title="Confirmed" aria-live="polite">
          {done}
        </Alert>
      ) : (
        <Form onSubmit={submit}>
          <ProblemAlert error={confirmation.error} title="It could not be confirmed" />
          {token === "" ? (
            <Alert variant="warning" isInline title="The link is not complete">
              Open it again from the mail, all of it.
            </Alert>
          ) : (
            <p>{explanation}</p>
          )}
          <ActionGroup>
            <Button
              type="submit"
              isBlock
              isLoading={confirmation.isPending}
              isDisabled={token === "" || confirmation.isPending}
            >
              Confirm
            </Button>
          </ActionGroup>
        </Form>
      )}
    </SignInLayout>
  );
}

/** Where the link of a sign-up leads. */
export function ConfirmAccountPage(): ReactNode {
  const api = useApi();
  return (
    <ConfirmForm
      title="Confirm your account"
      explanation="With your confirmation the account is created."
      done="Your account is ready. Sign in with the password you chose."
      confirm={(token) => unwrap(api.POST("/api/v1/signup/confirm", { body: { token } }))}
    />
  );
}

/** Where the link of a change of address leads. */
export function ConfirmEmailPage(): ReactNode {
  const api = useApi();
  return (
    <ConfirmForm
      title="Confirm your e-mail address"
      explanation="With your confirmation this address takes the place of the one before."
      done="Your account has the new address."
      confirm={(token) => unwrap(api.POST("/api/v1/email-change/complete", { body: { token } }))}
    />
  );
}
