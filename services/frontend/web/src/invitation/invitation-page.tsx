import { Alert, LoginMainFooterBandItem } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { useApi } from "../api/api-context.ts";
import { unwrap, type Schema } from "../api/client.ts";
import { ErrorState } from "../components/error-state.tsx";
import { PageLoading } from "../components/page-loading.tsx";
import { SignInLayout } from "../sign-in/sign-in-layout.tsx";
import { SignInPage } from "../sign-in/sign-in-page.tsx";
import { useLinkToken } from "../sign-in/use-link-token.ts";
import { AcceptForm } from "./accept-form.tsx";
import { NewAccountForm } from "./new-account-form.tsx";

type Invitation = Schema<"OpenInvitation">;

/** Has somebody sign in first who has an account. */
function ForMember({ invitation, token }: { invitation: Invitation; token: string }): ReactNode {
  const api = useApi();
  const { organization, email, invitedBy, role } = invitation;
  const me = useQuery({
    queryKey: ["me", "invitation"],
    queryFn: async ({ signal }) => (await api.GET("/api/v1/me", { signal })).data ?? null,
  });
  if (me.isPending) return <PageLoading />;
  if (me.data === null || me.data === undefined) {
    return (
      <>
        <Alert variant="info" isInline title={`Sign in as ${email} to join ${organization.name}`} />
        <SignInPage />
      </>
    );
  }
  return (
    <SignInLayout
      title={`Join ${organization.name}`}
      subtitle={`${invitedBy} invites ${email} to the organisation as ${role}.`}
    >
      <AcceptForm token={token} username={me.data.username} csrfToken={me.data.csrfToken} />
    </SignInLayout>
  );
}

function Unusable({ error }: { error: unknown }): ReactNode {
  return (
    <SignInLayout
      title="Invitation"
      links={
        <LoginMainFooterBandItem>
          <Link to="/">Go to the console</Link>
        </LoginMainFooterBandItem>
      }
    >
      <ErrorState error={error} title="This invitation can't be used" />
    </SignInLayout>
  );
}

const incomplete = new Error(
  "The link is incomplete: copy all of it from the mail, also what follows the #.",
);

/** What the link in an invitation opens. Its token is behind the `#`, and so in no log of any server. */
export function InvitationPage(): ReactNode {
  const api = useApi();
  const token = useLinkToken();
  const invitation = useQuery({
    queryKey: ["invitation", token],
    queryFn: ({ signal }) => unwrap(api.POST("/api/v1/invitations/inspect", { body: { token }, signal })),
    enabled: token !== "",
    // Each look counts against guessing.
    refetchOnWindowFocus: false,
    staleTime: Infinity,
    retry: false,
  });
  if (token === "") return <Unusable error={incomplete} />;
  if (invitation.isPending) return <PageLoading label="Opening the invitation" />;
  if (invitation.isError) return <Unusable error={invitation.error} />;
  const { organization, role, invitedBy, email, needsAccount } = invitation.data;
  if (!needsAccount) return <ForMember invitation={invitation.data} token={token} />;
  return (
    <SignInLayout
      title={`Join ${organization.name}`}
      subtitle={`${invitedBy} invites ${email} to the organisation as ${role}.`}
    >
      <NewAccountForm token={token} email={email} />
    </SignInLayout>
  );
}
