import { config, ConfigError, loadSettings, type Environment, type LogLevel } from "@rciots/runtime";

const dayMs = 86_400_000;

/** Everything an operator may set, in the order of `--help`. */
export const settings = {
  dataDir: config.required(
    config.text({
      env: "RCIOTS_DATA_DIR",
      about: "Folder of the embedded store, the keys and the caches",
      fallback: "./data",
    }),
  ),
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
  deviceHost: config.text({
    env: "RCIOTS_DEVICE_HOST",
    about: "Address the enrolment and edge endpoints listen on",
    fallbackText: "all addresses",
  }),
  enrollPort: config.required(
    config.port({ env: "RCIOTS_ENROLL_PORT", about: "Port of enrolment (https)", fallback: 8443 }),
  ),
  edgePort: config.required(
    config.port({ env: "RCIOTS_EDGE_PORT", about: "Port of the device channel (wss)", fallback: 8444 }),
  ),
  tunnelPorts: config.portRange({
    env: "RCIOTS_TUNNEL_PORTS",
    about: "Ports that tunnels may listen on, such as 20000-20999",
    fallbackText: "no tunnel listens",
  }),
  tunnelHost: config.required(
    config.text({
      env: "RCIOTS_TUNNEL_HOST",
      about: "Address that tunnels listen on",
      fallback: "127.0.0.1",
    }),
  ),
  publicHost: config.required(
    config.text({
      env: "RCIOTS_PUBLIC_HOST",
      about: "Host name or address by which devices reach this machine; goes into the server certificates",
      fallback: "localhost",
    }),
  ),
  serverNames: config.required(
    config.list({
      env: "RCIOTS_SERVER_NAMES",
      about: "More names and addresses for the server certificates, comma-separated",
      fallback: [],
    }),
  ),
  enrollUrl: config.httpUrl({
    env: "RCIOTS_ENROLL_URL",
    about: "Enrolment as devices reach it, where a proxy stands before it",
    fallbackText: "https://<public host>:<enroll port>",
  }),
  edgeUrl: config.httpUrl({
    env: "RCIOTS_EDGE_URL",
    about: "The device channel as devices reach it (https)",
    fallbackText: "https://<public host>:<edge port>",
  }),
  consoleUrl: config.httpUrl({
    env: "RCIOTS_CONSOLE_URL",
    about: "The console as people's browsers reach it; links in mails begin with it",
    fallbackText: "as the browser asks",
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
  mongodbUri: config.secret({
    env: "MONGODB_URI",
    about: "A MongoDB to use in place of the embedded store",
    fallbackText: "the embedded store",
  }),
  redisUrl: config.secret({
    env: "REDIS_URL",
    about: "A Redis that joins several processes on one MongoDB (redis:// or rediss://)",
    fallbackText: "one process",
  }),
  relayPort: config.required(
    config.port({
      env: "RCIOTS_RELAY_PORT",
      about:
        "With REDIS_URL: port by which the other processes reach the devices connected to this one (tls)",
      fallback: 0,
      fallbackText: "the system chooses",
    }),
  ),
  relayHost: config.text({
    env: "RCIOTS_RELAY_HOST",
    about: "Address that port listens on",
    fallbackText: "all addresses",
  }),
  relayAdvertise: config.hostAndPort({
    env: "RCIOTS_RELAY_ADVERTISE",
    about: "host:port by which the others reach it",
    fallbackText: "POD_IP, or this machine's address, and the port",
  }),
  podIp: config.text({ env: "POD_IP", about: "The address of the pod, in Kubernetes" }),
  masterKey: config.secret({
    env: "RCIOTS_MASTER_KEY",
    about: "Key that wraps the organisations' data keys: 32 bytes in base64 or hex",
    fallbackText: "generated in the data folder",
  }),
  caKey: config.secret({
    env: "RCIOTS_CA_KEY",
    about: "Key that the CA's private keys are sealed with: 32 bytes in base64 or hex",
    fallbackText: "generated in the data folder",
  }),
  certificateLifetimeMs: config.required(
    config.duration({
      env: "RCIOTS_CERTIFICATE_LIFETIME",
      about: "Lifetime of device certificates",
      fallback: 90 * dayMs,
      fallbackText: "90d",
      minMs: 60_000,
      maxMs: 825 * dayMs,
    }),
  ),
  eventRetentionMs: config.required(
    config.duration({
      env: "RCIOTS_EVENT_RETENTION",
      about: "How long the audit log and what happened to devices is kept",
      fallback: 400 * dayMs,
      fallbackText: "400d",
      minMs: dayMs,
      maxMs: 3_650 * dayMs,
    }),
  ),
  tlsCertFile: config.text({
    env: "RCIOTS_TLS_CERT_FILE",
    about: "PEM certificate chain for the device endpoints",
    fallbackText: "issued by the platform's CA",
  }),
  tlsKeyFile: config.text({ env: "RCIOTS_TLS_KEY_FILE", about: "PEM key of that certificate" }),
  allowServerKeys: config.required(
    config.flag({
      env: "RCIOTS_ALLOW_SERVER_KEYS",
      about: "Let devices that can't make a key ask the platform for one",
      fallback: false,
    }),
  ),
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
  healthPort: config.port({
    env: "RCIOTS_HEALTH_PORT",
    about: "Port of /healthz, /readyz and /metrics, for supervisors and Prometheus (http)",
    fallbackText: "off",
  }),
  healthHost: config.required(
    config.text({
      env: "RCIOTS_HEALTH_HOST",
      about: "Address that they are served on",
      fallback: "127.0.0.1",
    }),
  ),
  logLevel: config.required(
    config.oneOf<LogLevel>({
      env: "RCIOTS_LOG_LEVEL",
      about: "debug, info, warn, error or silent",
      values: ["debug", "info", "warn", "error", "silent"],
      fallback: "warn",
    }),
  ),
} as const;

/** @throws ConfigError with all faults */
export function loadConfig(env: Environment, args: readonly string[] = []) {
  const loaded = loadSettings(settings, { env, args });
  const needed = [
    ["RCIOTS_MAIL_FROM", loaded.mailFrom],
    ["RCIOTS_CONSOLE_URL", loaded.consoleUrl],
  ] as const;
  const missing = needed.filter(([, value]) => loaded.smtpUrl !== undefined && value === undefined);
  if (missing.length === 0) return loaded;
  throw new ConfigError(missing.map(([name]) => `${name} is missing: RCIOTS_SMTP_URL needs it`));
}
export type StandaloneConfig = ReturnType<typeof loadConfig>;
