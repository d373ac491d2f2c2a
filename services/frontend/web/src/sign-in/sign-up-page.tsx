import {
  Alert,
  EmptyState,
  EmptyStateActions,
  EmptyStateBody,
  EmptyStateFooter,
  LoginMainFooterBandItem,
} from "@patternfly/react-core";
import { EnvelopeIcon } from "@patternfly/react-icons/dist/esm/icons/envelope-icon";
import { useState, type ReactNode } from "react";
import { Link, useNavigate } from "react-router";
import { PageLoading } from "../components/page-loading.tsx";
import { ResendButton } from "./resend-alert.tsx";
import { SignInLayout } from "./sign-in-layout.tsx";
import { SignUpForm } from "./sign-up-form.tsx";
import { useSignIn } from "./use-sign-in.ts";
import { useSigninOptions } from "./use-signin-options.ts";

function CheckYourMail({ email }: { email: string }): ReactNode {
  return (
    <EmptyState titleText="Check your mail" headingLevel="h2" icon={EnvelopeIcon} variant="sm">
      <EmptyStateBody>
        A link is on its way to <strong>{email}</strong>. Open it within a day to finish; then sign in.
      </EmptyStateBody>
      <EmptyStateFooter>
        <EmptyStateActions>
          <ResendButton email={email} />
        </EmptyStateActions>
      </EmptyStateFooter>
    </EmptyState>
  );
}

function Closed(): ReactNode {
  return (
    <Alert variant="info" isInline title="Nobody can sign up here">
      Ask an administrator of your organisation to invite you.
    </Alert>
  );
}

/** For people who create their own accounts. */
export function SignUpPage(): ReactNode {
  const options = useSigninOptions();
  const navigate = useNavigate();
  const signIn = useSignIn();
  const [mailedTo, setMailedTo] = useState<string | null>(null);
  const links = (
    <LoginMainFooterBandItem>
      Have an account? <Link to="/">Sign in</Link>
    </LoginMainFooterBandItem>
  );
  const enter = (login: { username: string; password: string }): void => {
    signIn.mutate(login, { onSettled: () => void navigate("/") });
  };
  if (options === undefined) {
    return (
      <SignInLayout title="Create an account" links={links}>
        <PageLoading />
      </SignInLayout>
    );
  }
  return (
    <SignInLayout title="Create an account" links={links}>
      {!options.canSignUp && <Closed />}
      {options.canSignUp && mailedTo !== null && <CheckYourMail email={mailedTo} />}
      {options.canSignUp && mailedTo === null && <SignUpForm onMailed={setMailedTo} onCreated={enter} />}
    </SignInLayout>
  );
}
