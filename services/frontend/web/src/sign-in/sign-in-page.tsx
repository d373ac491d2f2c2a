import { LoginMainFooterBandItem } from "@patternfly/react-core";
import { useState, type ReactNode } from "react";
import { Link } from "react-router";
import { hasCode } from "../api/problem.ts";
import { ResendAlert } from "./resend-alert.tsx";
import { SecondFactorForm } from "./second-factor-form.tsx";
import { SignInForm } from "./sign-in-form.tsx";
import { SignInLayout } from "./sign-in-layout.tsx";
import { useSignIn, type Login } from "./use-sign-in.ts";
import { useSigninOptions } from "./use-signin-options.ts";

function OtherWays(): ReactNode {
  const options = useSigninOptions();
  return (
    <>
      <LoginMainFooterBandItem>
        <Link to="/forgotten-password">Forgotten your password?</Link>
      </LoginMainFooterBandItem>
      {options?.canSignUp === true && (
        <LoginMainFooterBandItem>
          No account yet? <Link to="/sign-up">Sign up</Link>
        </LoginMainFooterBandItem>
      )}
    </>
  );
}

const nobody: Login = { username: "", password: "" };

/** The way in; shown in place of whatever page was asked for, which appears once somebody is signed in. */
export function SignInPage(): ReactNode {
  const [login, setLogin] = useState(nobody);
  const [isCodeAsked, setIsCodeAsked] = useState(false);
  const signIn = useSignIn();
  const start = (): void => {
    signIn.mutate(login, {
      onError: (error) => setIsCodeAsked(hasCode(error, "second_factor_required")),
    });
  };
  const back = (): void => {
    setIsCodeAsked(false);
    setLogin(nobody);
    signIn.reset();
  };
  if (isCodeAsked) {
    const isFirst = hasCode(signIn.error, "second_factor_required");
    return (
      <SignInLayout title="Verify that it is you" subtitle={`Signing in as ${login.username}.`}>
        <SecondFactorForm
          error={isFirst ? null : signIn.error}
          isPending={signIn.isPending}
          onBack={back}
          onSubmit={(code) => signIn.mutate({ ...login, code })}
        />
      </SignInLayout>
    );
  }
  return (
    <SignInLayout title="Sign in to RCIoTS" links={<OtherWays />}>
      <SignInForm
        login={login}
        onChange={setLogin}
        onSubmit={start}
        isPending={signIn.isPending}
        error={signIn.error}
        unconfirmed={<ResendAlert login={login.username} />}
      />
    </SignInLayout>
  );
}
