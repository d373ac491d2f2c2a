import type { Bus, TryLimits, Vault } from "@rciots/runtime";
import type { Store } from "@rciots/store";
import type { Audit } from "../audit/audit.ts";
import { createCredentialsService } from "../auth/credentials.service.ts";
import type { LoginGuard } from "../auth/login-guard.ts";
import type { Passwords } from "../auth/password.ts";
import { secondFactorRoutes } from "../auth/second-factor.routes.ts";
import { createSecondFactorService } from "../auth/second-factor.service.ts";
import { sessionRoutes } from "../auth/sessions.routes.ts";
import { createSessionsService } from "../auth/sessions.service.ts";
import type { Route } from "../http/route.ts";
import type { Mailer } from "../mail/mailer.ts";
import { createAccountMails } from "./account-mails.ts";
import type { AccountsService } from "./accounts.service.ts";
import type { Background } from "./background.ts";
import { createNamesService } from "./names.service.ts";
import { createOneTimeLinks } from "./one-time-links.ts";
import { passwordResetRoutes } from "./password-reset.routes.ts";
import { createPasswordResetService } from "./password-reset.service.ts";
import { profileRoutes } from "./profile.routes.ts";
import { createProfileService } from "./profile.service.ts";
import { createRequestLimits, type AccountLimits } from "./request-limits.ts";
import { signUpRoutes } from "./sign-up.routes.ts";
import { createSignUpService } from "./sign-up.service.ts";

export interface AccountRoutesOptions {
  store: Store;
  vault: Vault;
  audit: Audit;
  bus: Bus;
  passwords: Passwords;
  accounts: AccountsService;
  background: Background;
  mailer: Mailer | undefined;
  consoleUrl: string | undefined;
  isSignUpOpen: boolean;
  sessionMs: number;
  guard: LoginGuard;
  accountLimits: AccountLimits | undefined;
  tryLimits: TryLimits | undefined;
}

/** Everything about people's own accounts: signing up and in, the profile, and the way back in. */
export function createAccountRoutes(options: AccountRoutesOptions): Route[] {
  const { store, vault, audit, bus, passwords, accounts, background, mailer, consoleUrl, sessionMs, guard } =
    options;
  const limits = createRequestLimits(options.accountLimits, options.tryLimits);
  const mails = createAccountMails({ mailer, consoleUrl, limits });
  const links = createOneTimeLinks({ store, guard });
  const secondFactor = createSecondFactorService({ store, vault, guard });
  const credentials = createCredentialsService({ store, passwords, guard, secondFactor });
  const sessions = createSessionsService({ store, credentials, audit, bus, sessionMs });
  const shared = {
    store,
    passwords,
    credentials,
    guard,
    secondFactor,
    links,
    limits,
    mails,
    background,
    audit,
    bus,
  };
  const names = createNamesService(shared);
  const profile = createProfileService(shared);
  const passwordReset = createPasswordResetService({ ...shared, consoleUrl });
  const isOpen = options.isSignUpOpen;
  const signUps = createSignUpService({ ...shared, isOpen, vault, accounts });
  const isHttps = consoleUrl?.startsWith("https:") ?? false;
  return [
    ...sessionRoutes({ sessions, isHttps }),
    ...profileRoutes({ sessions, names, profile }),
    ...secondFactorRoutes({ profile }),
    ...signUpRoutes({ signUps }),
    ...passwordResetRoutes({ passwordReset }),
  ];
}
