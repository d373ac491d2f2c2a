import { LoginPage } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { useDocumentTitle } from "../components/use-document-title.ts";
import { SignInForm } from "./sign-in-form.tsx";

/** The way in; shown in place of whatever page was asked for, which appears once somebody is signed in. */
export function SignInPage(): ReactNode {
  useDocumentTitle("Sign in");
  return (
    <LoginPage
      brandImgSrc="/favicon.svg"
      brandImgAlt="RCIoTS"
      loginTitle="Sign in to RCIoTS"
      textContent="Manage edge devices that run containers: enrol them, deliver manifests, see their state."
    >
      <SignInForm />
    </LoginPage>
  );
}
