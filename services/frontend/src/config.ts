import {
  drainSettings,
  endpointSettings,
  givenKeySettings,
  healthSettings,
  joinedSettings,
  tunnelPortSettings,
} from "@rciots/process";
import { config, ConfigError, loadSettings, type Environment } from "@rciots/runtime";

/** What is the API's and the console's alone. */
export const frontendSettings = {
  consoleHost: config.required(
    config.text({
      env: "RCIOTS_CONSOLE_HOST",
      about: "Address the console and the API listen on",
      fallback: "127.0.0.1",
    }),
  ),
  consolePort: config.required(
    config.port({
      env: "RCIOTS_CONSOLE_PORT",
      about: "Port of the console and the API (http)",
      fallback: 8080,
    }),
  ),
  consoleUrl: config.httpUrl({
    env: "RCIOTS_CONSOLE_URL",
    about: "The console as people's browsers reach it; links in mails begin with it",
    fallbackText: "as the browser asks",
  }),
  proxyDomain: config.domain({
    env: "RCIOTS_PROXY_DOMAIN",
    about: "Domain below which web tunnels have their names, such as apps.example.com; all of it leads here",
    fallbackText: "there are no web tunnels",
  }),
  smtpUrl: config.secretUrl({
    env: "RCIOTS_SMTP_URL",
    about: "Mail server: smtp://user:password@host:587, or smtps://",
    fallbackText: "no mail is sent",
    schemes: ["smtp", "smtps"],
  }),
  mailFrom: config.text({
    env: "RCIOTS_MAIL_FROM",
    about: "Sender of mails, such as RCIoTS <no-reply@example.com>",
  }),
  agentImage: config.text({
    env: "RCIOTS_AGENT_IMAGE",
    about: "Image that clusters run the agent from, where it is not pulled from quay.io",
    fallbackText: "quay.io/rciots/rciots-agent of this version",
  }),
  signUp: config.required(
    config.oneOf({
      env: "RCIOTS_SIGNUP",
      about: "open: people may create their own accounts; closed: they have to be invited",
      values: ["open", "closed"],
      fallback: "closed",
    }),
  ),
  adminPassword: config.secret({
    env: "RCIOTS_ADMIN_PASSWORD",
    about: "First password of the administrator, for scripts; at least 12 characters",
    fallbackText: "generated and printed once",
  }),
  gitAllowPrivate: config.required(
    config.flag({
      env: "RCIOTS_GIT_ALLOW_PRIVATE",
      about: "Let templates come from Git servers at private addresses",
      fallback: false,
    }),
  ),
  gitAllowFile: config.required(
    config.flag({
      env: "RCIOTS_GIT_ALLOW_FILE",
      about: "Let templates come from Git repositories on this machine's disk",
      fallback: false,
    }),
  ),
  kustomize: config.text({
    env: "RCIOTS_KUSTOMIZE",
    about: "Path of kustomize, kubectl or oc",
    fallbackText: "found on the PATH, or fetched",
  }),
  trustProxy: config.required(
    config.flag({
      env: "RCIOTS_TRUST_PROXY",
      about: "Take the client's address from X-Forwarded-For of one proxy before the API",
      fallback: false,
    }),
  ),
} as const;

/** Of a process that only serves the API and the console. */
export const settings = {
  mongodbUri: joinedSettings.mongodbUri,
  redisUrl: joinedSettings.redisUrl,
  masterKey: givenKeySettings.masterKey,
  dataDir: config.required(
    config.text({
      env: "RCIOTS_DATA_DIR",
      about: "Folder of clones of Git repositories and of kustomize; nothing in it is missed",
      fallback: "./data",
    }),
  ),
  ...frontendSettings,
  publicHost: endpointSettings.publicHost,
  enrollPort: endpointSettings.enrollPort,
  edgePort: endpointSettings.edgePort,
  enrollUrl: endpointSettings.enrollUrl,
  edgeUrl: endpointSettings.edgeUrl,
  ...tunnelPortSettings,
  ...healthSettings,
  ...drainSettings,
  eventRetentionMs: joinedSettings.eventRetentionMs,
  connectionRetentionMs: joinedSettings.connectionRetentionMs,
  logLevel: joinedSettings.logLevel,
} as const;

/** Mail needs a sender, and an address that its links begin with. */
export function requireMailSettings(
  loaded: Record<"smtpUrl" | "mailFrom" | "consoleUrl", string | undefined>,
): void {
  const needed = [
    ["RCIOTS_MAIL_FROM", loaded.mailFrom],
    ["RCIOTS_CONSOLE_URL", loaded.consoleUrl],
  ] as const;
  const missing = needed.filter(([, value]) => loaded.smtpUrl !== undefined && value === undefined);
  if (missing.length === 0) return;
  throw new ConfigError(missing.map(([name]) => `${name} is missing: RCIOTS_SMTP_URL needs it`));
}

/** @throws ConfigError with all faults */
export function loadConfig(env: Environment, args: readonly string[] = []) {
  const loaded = loadSettings(settings, { env, args });
  requireMailSettings(loaded);
  return loaded;
}
export type FrontendConfig = ReturnType<typeof loadConfig>;
