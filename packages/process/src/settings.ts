import { config, type LogLevel } from "@rciots/runtime";

const dayMs = 86_400_000;

/** The database and what joins the processes of one installation. */
export const sharedSettings = {
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
  connectionRetentionMs: config.required(
    config.duration({
      env: "RCIOTS_CONNECTION_RETENTION",
      about: "How long the audit log keeps single connections, at most as long as the rest",
      fallback: 90 * dayMs,
      fallbackText: "90d",
      minMs: dayMs,
      maxMs: 3_650 * dayMs,
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

/** Of a process of its own, which is nothing without the others. */
export const joinedSettings = {
  ...sharedSettings,
  mongodbUri: config.required(
    config.secret({ env: "MONGODB_URI", about: "The MongoDB of the installation" }),
  ),
  redisUrl: config.required(
    config.secret({
      env: "REDIS_URL",
      about: "The Redis that joins its processes (redis:// or rediss://)",
    }),
  ),
  logLevel: { ...sharedSettings.logLevel, fallback: "info" as LogLevel, fallbackText: "info" },
} as const;

export const healthSettings = {
  healthHost: config.text({
    env: "RCIOTS_HEALTH_HOST",
    about: "Address that /healthz, /readyz and /metrics are asked on",
    fallbackText: "all addresses",
  }),
  healthPort: config.required(
    config.port({
      env: "RCIOTS_HEALTH_PORT",
      about: "Port of /healthz, /readyz and /metrics, for supervisors and Prometheus (http)",
      fallback: 8081,
    }),
  ),
} as const;

export const keySettings = {
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
} as const;

/** Of a process of its own: there is no data folder in which one could be made that all share. */
export const givenKeySettings = {
  masterKey: config.required({ ...keySettings.masterKey, fallbackText: "" }),
  caKey: config.required({ ...keySettings.caKey, fallbackText: "" }),
} as const;

/** What devices reach, and by which names. */
export const endpointSettings = {
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
} as const;

export const tlsFileSettings = {
  tlsCertFile: config.text({
    env: "RCIOTS_TLS_CERT_FILE",
    about: "PEM certificate chain for the device endpoints",
    fallbackText: "issued by the platform's CA",
  }),
  tlsKeyFile: config.text({ env: "RCIOTS_TLS_KEY_FILE", about: "PEM key of that certificate" }),
} as const;

export const tunnelPortSettings = {
  tunnelPorts: config.portRange({
    env: "RCIOTS_TUNNEL_PORTS",
    about: "Ports that tunnels may listen on, such as 20000-20999",
    fallbackText: "no tunnel listens",
  }),
} as const;

/** Of a process that holds sessions. */
export const relaySettings = {
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
} as const;

/** Of a process that holds sessions beside others that do. */
export const rebalanceSettings = {
  rebalancePercent: config.required(
    config.integer({
      env: "RCIOTS_REBALANCE_PERCENT",
      about:
        "With REDIS_URL: how far the sessions of a process may be from its fair share before some are sent to the others, in percent; 0: they never are",
      fallback: 20,
      min: 0,
      max: 1_000,
    }),
  ),
} as const;

export const drainSettings = {
  drainSeconds: config.required(
    config.integer({
      env: "RCIOTS_DRAIN_SECONDS",
      about: "When it is stopped: seconds over which devices and people are sent elsewhere",
      fallback: 10,
      min: 0,
      max: 3_600,
    }),
  ),
} as const;
