import { ActionGroup, Button, Content, Form } from "@patternfly/react-core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useNavigate } from "react-router";
import { useApi } from "../api/api-context.ts";
import { unwrap } from "../api/client.ts";
import { ProblemAlert } from "../components/problem-alert.tsx";

interface AcceptFormProps {
  token: string;
  username: string;
  csrfToken: string | null;
}

/** Joins with the account that is signed in. */
export function AcceptForm({ token, username, csrfToken }: AcceptFormProps): ReactNode {
  const api = useApi();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const accept = useMutation({
    mutationFn: () =>
      unwrap(
        api.POST("/api/v1/invitations/accept", {
          body: { token },
          // The session is not set up on this page, which anybody may open.
          headers: { "X-CSRF-Token": csrfToken ?? "" },
        }),
      ),
    async onSuccess() {
      await navigate("/", { replace: true });
      await queries.resetQueries();
    },
  });
  return (
    <Form
      onSubmit={(event) => {
        event.preventDefault();
        accept.mutate();
      }}
    >
      <Content component="p">{`You are signed in as ${username}.`}</Content>
      <ProblemAlert error={accept.error} title="You could not join" />
      <ActionGroup>
        <Button type="submit" isBlock isLoading={accept.isPending} isDisabled={accept.isPending}>
          Join
        </Button>
      </ActionGroup>
    </Form>
  );
}
