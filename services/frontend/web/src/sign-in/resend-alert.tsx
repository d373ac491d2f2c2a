import { Alert, Button } from "@patternfly/react-core";
import { useMutation } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useApi } from "../api/api-context.ts";
import { unwrap } from "../api/client.ts";
import { ProblemAlert } from "../components/problem-alert.tsx";

/** Asks for the link of a sign-up once more. */
export function ResendButton({ email }: { email: string }): ReactNode {
  const api = useApi();
  const resend = useMutation({
    mutationFn: () => unwrap(api.POST("/api/v1/signup/resend", { body: { email } })),
  });
  return (
    <>
      <ProblemAlert error={resend.error} title="The link could not be sent again" />
      {resend.isSuccess ? (
        <p role="status">Sent again. The link before it no longer works.</p>
      ) : (
        <Button variant="link" isInline isLoading={resend.isPending} onClick={() => resend.mutate()}>
          Send the link again
        </Button>
      )}
    </>
  );
}

/** For who knows the password of an account that waits for its confirmation. */
export function ResendAlert({ login }: { login: string }): ReactNode {
  return (
    <Alert variant="info" isInline title="Confirm your e-mail address first" aria-live="polite">
      <p>Open the link that was mailed to you; it is good for a day.</p>
      {login.includes("@") ? (
        <ResendButton email={login} />
      ) : (
        <p>Sign in with your e-mail address to have it sent again.</p>
      )}
    </Alert>
  );
}
