import { ActionGroup, Alert, Button, Form, LoginMainFooterBandItem } from "@patternfly/react-core";
import { useMutation } from "@tanstack/react-query";
import { useState, type FormEvent, type ReactNode } from "react";
import { Link } from "react-router";
import { useApi } from "../api/api-context.ts";
import { unwrap } from "../api/client.ts";
import { PageLoading } from "../components/page-loading.tsx";
import { ProblemAlert } from "../components/problem-alert.tsx";
import { TextField } from "../components/text-field.tsx";
import { emailFault } from "../session/names.ts";
import { SignInLayout } from "./sign-in-layout.tsx";
import { useSigninOptions } from "./use-signin-options.ts";

function RequestForm(): ReactNode {
  const api = useApi();
  const [email, setEmail] = useState("");
  const request = useMutation({
    mutationFn: () => unwrap(api.POST("/api/v1/password-reset", { body: { email: email.trim() } })),
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    request.mutate();
  };
  if (request.isSuccess) {
    return (
      <Alert variant="success" isInline title="Check your mail" aria-live="polite">
        If {email.trim()} belongs to an account, a link is on its way to it. It is good for an hour.
      </Alert>
    );
  }
  return (
    <Form onSubmit={submit}>
      <ProblemAlert error={request.error} title="The link could not be sent" />
      <TextField
        id="email"
        label="E-mail address"
        type="email"
        value={email}
        autoComplete="email"
        faultOf={emailFault}
        autoFocus
        onChange={setEmail}
      />
      <ActionGroup>
        <Button
          type="submit"
          isBlock
          isLoading={request.isPending}
          isDisabled={emailFault(email) !== null || request.isPending}
        >
          Send me a link
        </Button>
      </ActionGroup>
    </Form>
  );
}

/** The way back in for who forgot the password. */
export function ForgottenPasswordPage(): ReactNode {
  const options = useSigninOptions();
  const links = (
    <LoginMainFooterBandItem>
      <Link to="/">Back to the sign-in page</Link>
    </LoginMainFooterBandItem>
  );
  return (
    <SignInLayout
      title="Reset your password"
      links={links}
      {...(options?.sendsMail === true ? { subtitle: "A link to choose a new one is mailed to you." } : {})}
    >
      {options === undefined && <PageLoading />}
      {options?.sendsMail === true && <RequestForm />}
      {options?.sendsMail === false && (
        <Alert variant="info" isInline title="This platform sends no mail">
          Ask an administrator of the platform for a link. It lets you choose a new password.
        </Alert>
      )}
    </SignInLayout>
  );
}
