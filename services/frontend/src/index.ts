export { createDeviceCalls, type DeviceCalls } from "./devices/device-calls.ts";
export { createFrontend, type Frontend, type FrontendOptions } from "./frontend.ts";
export type { Health } from "./health.ts";
export type { LoginLimits } from "./auth/login-guard.ts";
export { createMailer, type Mail, type Mailer } from "./mail/mailer.ts";
export type { AccountLimits } from "./accounts/request-limits.ts";
export type { Access, Method, Route } from "./http/route.ts";
export { ensureFirstRun, type FirstRun } from "./organization/first-run.ts";
export type { PublicUrls } from "./provisioning-tokens/install-commands.ts";
