import { Outlet, type RouteObject } from "react-router";
import { PageLoading } from "./components/page-loading.tsx";
import { RouteError } from "./components/route-error.tsx";
import { SessionProvider } from "./session/session-provider.tsx";
import type { CredentialStore } from "./session/credential-store.ts";
import { Shell } from "./shell/shell.tsx";
import { SignInPage } from "./sign-in/sign-in-page.tsx";

type PageModule = Record<string, unknown>;

/** A page in a chunk of its own, loaded when somebody goes there. */
function page(path: string, load: () => Promise<PageModule>, name: string): RouteObject {
  return {
    path,
    lazy: async () => ({ Component: (await load())[name] as React.ComponentType }),
  };
}

/** Pages within an organisation, for people who are signed in. Each is listed here, and nowhere else. */
const signedInPages: RouteObject[] = [
  page("/profile", () => import("./profile/profile-page.tsx"), "ProfilePage"),
  page("/", () => import("./overview/overview-page.tsx"), "OverviewPage"),
  page("/devices", () => import("./devices/devices-page.tsx"), "DevicesPage"),
  page("/devices/pending", () => import("./devices/pending-page.tsx"), "PendingDevicesPage"),
  page("/templates", () => import("./templates/templates-page.tsx"), "TemplatesPage"),
  page("/templates/new", () => import("./templates/create-template-page.tsx"), "CreateTemplatePage"),
  page("/templates/:id", () => import("./templates/template-page.tsx"), "TemplatePage"),
  page("/templates/:id/edit", () => import("./templates/edit-files-page.tsx"), "EditFilesPage"),
  page("/commands", () => import("./commands/commands-page.tsx"), "CommandsPage"),
  page("/commands/new", () => import("./commands/new-command-page.tsx"), "NewCommandPage"),
  page("/commands/:id", () => import("./commands/command-page.tsx"), "CommandPage"),
  page("/scripts", () => import("./scripts/scripts-page.tsx"), "ScriptsPage"),
  page("/scripts/new", () => import("./scripts/script-pages.tsx"), "NewScriptPage"),
  page("/scripts/:id", () => import("./scripts/script-pages.tsx"), "ScriptPage"),
  page("/secrets", () => import("./secrets/secrets-page.tsx"), "SecretsPage"),
  page("/git-credentials", () => import("./git-credentials/git-credentials-page.tsx"), "GitCredentialsPage"),
  page("/provisioning-tokens", () => import("./provisioning-tokens/tokens-page.tsx"), "TokensPage"),
  page(
    "/provisioning-tokens/create",
    () => import("./provisioning-tokens/create-token-page.tsx"),
    "CreateTokenPage",
  ),
  page("/audit-log", () => import("./audit-log/audit-log-page.tsx"), "AuditLogPage"),
  page("/settings/:tab?", () => import("./settings/settings-page.tsx"), "SettingsPage"),
  page("/platform/organizations", () => import("./platform/organizations-page.tsx"), "OrganizationsPage"),
  page("/platform/audit-log", () => import("./audit-log/audit-log-page.tsx"), "PlatformAuditLogPage"),
  page("/platform/users", () => import("./platform/users-page.tsx"), "UsersPage"),
  page("/devices/:deviceId/:tab?", () => import("./device/device-page.tsx"), "DevicePage"),
  page("/tunnels", () => import("./tunnels/tunnels-page.tsx"), "TunnelsPage"),
  page("/web-access", () => import("./web-access/web-access-page.tsx"), "WebAccessPage"),
  page("*", () => import("./shell/not-found-page.tsx"), "NotFoundPage"),
];

/** Pages that need no account. */
const publicPages: RouteObject[] = [
  page("/reference/:operationId?", () => import("./reference/reference-page.tsx"), "ReferencePage"),
  page("/sign-up", () => import("./sign-in/sign-up-page.tsx"), "SignUpPage"),
  page("/confirm-account", () => import("./sign-in/confirm-page.tsx"), "ConfirmAccountPage"),
  page("/confirm-email", () => import("./sign-in/confirm-page.tsx"), "ConfirmEmailPage"),
  page("/forgotten-password", () => import("./sign-in/forgotten-password-page.tsx"), "ForgottenPasswordPage"),
  page("/reset-password", () => import("./sign-in/reset-password-page.tsx"), "ResetPasswordPage"),
  page("/invitation", () => import("./invitation/invitation-page.tsx"), "InvitationPage"),
];

export function createRoutes(credentials: CredentialStore): RouteObject[] {
  const signedIn = (
    <SessionProvider credentials={credentials} signedOut={<SignInPage />}>
      <Shell />
    </SessionProvider>
  );
  return [
    {
      element: <Outlet />,
      errorElement: <RouteError />,
      hydrateFallbackElement: <PageLoading />,
      children: [
        ...publicPages,
        {
          element: signedIn,
          // A page that breaks leaves the navigation standing.
          children: [{ errorElement: <RouteError />, children: signedInPages }],
        },
      ],
    },
  ];
}
