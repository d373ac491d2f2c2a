import "./sign-in.css";
import { LoginPage } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { useDocumentTitle } from "../components/use-document-title.ts";
import { ThemeMenu } from "../shell/theme-menu.tsx";

interface SignInLayoutProps {
  title: string;
  subtitle?: string;
  /** Under the form: other ways on. */
  links?: ReactNode;
  children: ReactNode;
}

/** What stands around every page that needs no account. */
export function SignInLayout({ title, subtitle, links, children }: SignInLayoutProps): ReactNode {
  useDocumentTitle(title);
  return (
    <LoginPage
      className="rciots-sign-in"
      brandImgSrc="/favicon.svg"
      brandImgAlt="RCIoTS"
      loginTitle={title}
      headerUtilities={<ThemeMenu />}
      textContent="Manage edge devices that run containers: enrol them, deliver manifests, see their state."
      {...(subtitle === undefined ? {} : { loginSubtitle: subtitle })}
      {...(links === undefined ? {} : { signUpForAccountMessage: links })}
    >
      {children}
    </LoginPage>
  );
}
