import { config, ConfigError, loadSettings, type Environment } from "@rciots/runtime";
import { z } from "zod";

const text = z.string().min(1).max(1_024);
const wantedSchema = z.record(z.string().regex(/^[a-z0-9][a-z0-9.-]{0,252}$/), z.record(text, text));

/** Entries of Secrets by name and key, as templates with `{key}` or `{password}`. */
export type WantedSecrets = z.output<typeof wantedSchema>;

const keySettings = {
  secrets: config.required(
    config.text({ env: "RCIOTS_SECRETS", about: "Secrets to fill in, as JSON: {name: {entry: template}}" }),
  ),
  host: config.required(
    config.text({ env: "KUBERNETES_SERVICE_HOST", about: "The API server; set in every Pod" }),
  ),
  port: config.required(config.port({ env: "KUBERNETES_SERVICE_PORT", about: "Its port" })),
  accountDir: config.required(
    config.text({
      env: "RCIOTS_SERVICE_ACCOUNT_DIR",
      about: "Token, CA and namespace of the service account",
      fallback: "/var/run/secrets/kubernetes.io/serviceaccount",
    }),
  ),
} as const;

/** @throws ConfigError with all faults */
export function loadKeysConfig(env: Environment) {
  const { secrets, ...loaded } = loadSettings(keySettings, { env });
  const parsed = wantedSchema.safeParse(parseJson(secrets));
  if (!parsed.success) throw new ConfigError([`RCIOTS_SECRETS must be JSON: ${parsed.error.message}`]);
  return { ...loaded, wanted: parsed.data };
}

function parseJson(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
}

const checkSettings = {
  apiUrl: config.required(config.httpUrl({ env: "RCIOTS_CHECK_API", about: "The console and its API" })),
  enrollUrl: config.required(
    config.httpUrl({ env: "RCIOTS_CHECK_ENROLL", about: "The enrolment endpoint (https)" }),
  ),
  trust: config.required(
    config.oneOf({
      env: "RCIOTS_CHECK_TRUST",
      about: "platform: enrolment has a certificate of the platform's CA; system: of a public one",
      values: ["platform", "system"],
      fallback: "platform",
    }),
  ),
  username: config.required(
    config.text({ env: "RCIOTS_CHECK_USER", about: "Who signs in", fallback: "admin" }),
  ),
  adminPassword: config.secret({ env: "RCIOTS_ADMIN_PASSWORD", about: "Password of that user" }),
  apiToken: config.secret({ env: "RCIOTS_API_TOKEN", about: "An API token in place of user and password" }),
} as const;

/** @throws ConfigError with all faults */
export function loadCheckConfig(env: Environment) {
  const loaded = loadSettings(checkSettings, { env });
  if (loaded.adminPassword === undefined && loaded.apiToken === undefined)
    throw new ConfigError(["RCIOTS_ADMIN_PASSWORD or RCIOTS_API_TOKEN is missing"]);
  return loaded;
}
