import { readFileSync } from "node:fs";
import { homedir, hostname } from "node:os";
import { join } from "node:path";
import { clusterRoles, deviceNameField, labelsField, type AskedTunnel } from "@rciots/protocol";
import {
  config,
  ConfigError,
  describeSettings,
  loadSettings,
  logLevels,
  parseProxy,
  proxyFromEnvironment,
  redactSettings,
  type Environment,
  type LogLevel,
  type ProxyChoice,
} from "@rciots/runtime";
import { commandPlaces, parseCommandRules, type CommandRules } from "./command/command-rules.ts";
import { parseFingerprint, splitPem, type Trust } from "./channel/trust.ts";
import type { ClusterApiLimit } from "./cluster-api/cluster-api.ts";
import { parseAllowList, type AllowList } from "./tunnel/allow-list.ts";
import { parseTunnelRequests } from "./tunnel/tunnel-request.ts";

const settings = {
  platformUrl: config.required(
    config.httpUrl({
      env: "RCIOTS_PLATFORM_URL",
      about: "Where the platform enrols devices, such as https://enroll.example.com.",
    }),
  ),
  token: config.secret({
    env: "RCIOTS_TOKEN",
    about: "The provisioning token. Needed until the device is enrolled.",
  }),
  deviceName: config.text({
    env: "RCIOTS_DEVICE_NAME",
    about: "The device's name: lower-case letters, digits and hyphens.",
    fallbackText: "the node's or the host's name",
  }),
  nodeName: config.text({
    env: "RCIOTS_NODE_NAME",
    about: "In a pod, the name of its node: names the device where it is given no name.",
    fallbackText: "none",
  }),
  labels: config.list({ env: "RCIOTS_LABELS", about: "Labels of the device, as key=value,key=value." }),
  caFile: config.text({
    env: "RCIOTS_CA_FILE",
    about: "A PEM file with the platform's root certificate.",
    fallbackText: "the system's roots",
  }),
  caFingerprint: config.text({
    env: "RCIOTS_CA_FINGERPRINT",
    about: "SHA-256 of the platform's root certificate, instead of a file.",
  }),
  cluster: config.required(
    config.oneOf({
      env: "RCIOTS_CLUSTER",
      about:
        "Which cluster to run manifests on: the one the agent runs in, the one of a kubeconfig, whichever there is (auto), or none.",
      values: ["auto", "in-cluster", "kubeconfig", "none"],
      fallback: "auto",
    }),
  ),
  kubeconfig: config.text({
    env: "RCIOTS_KUBECONFIG",
    about: "The kubeconfig of the device's cluster.",
    fallbackText: "KUBECONFIG, ~/.kube/config, or MicroShift's own",
  }),
  namespace: config.text({
    env: "RCIOTS_NAMESPACE",
    about: "The agent's own namespace in the cluster.",
    fallbackText: "the pod's, or rciots-agent",
  }),
  defaultNamespace: config.required(
    config.text({
      env: "RCIOTS_DEFAULT_NAMESPACE",
      about: "Where assigned objects go that name no namespace.",
      fallback: "default",
    }),
  ),
  identity: config.required(
    config.oneOf({
      env: "RCIOTS_IDENTITY",
      about: "Where the device's identity is kept: a file in the state folder, or a Secret in the namespace.",
      values: ["auto", "file", "secret"],
      fallback: "auto",
      fallbackText: "auto: a Secret inside a cluster, otherwise a file",
    }),
  ),
  identitySecret: config.required(
    config.text({
      env: "RCIOTS_IDENTITY_SECRET",
      about: "The name of that Secret.",
      fallback: "rciots-agent-identity",
    }),
  ),
  stateDir: config.text({
    env: "RCIOTS_STATE_DIR",
    about: "The folder for everything that must survive a restart.",
    fallbackText: "/var/lib/rciots-agent for root, otherwise ~/.rciots-agent",
  }),
  // Marked as a secret because a proxy's URL may hold a password; it is no flag for the same reason.
  proxy: config.secret({
    env: "RCIOTS_PROXY",
    about:
      "http://user:password@host:port, https://... or socks5://... to go through, or none. Without it HTTPS_PROXY, ALL_PROXY and NO_PROXY count.",
  }),
  header: config.text({
    env: "RCIOTS_HEADER",
    about: 'A header to send to the platform, such as "X-Site: 12"; may be repeated.',
  }),
  tunnelAllow: config.required(
    config.list({
      env: "RCIOTS_TUNNEL_ALLOW",
      about:
        "Where the platform may open tunnels to: networks and ports such as loopback,192.168.1.0/24:22+80,[fd00::]/8:443, any, or none.",
      fallback: ["loopback"],
    }),
  ),
  tunnel: config.required(
    config.list({
      env: "RCIOTS_TUNNEL",
      about:
        "A tunnel to ask the platform for: 22, LPORT:22, HOST:22, LPORT:HOST:22 or LHOST:LPORT:HOST:22, where LHOST and LPORT are where the platform listens; may be repeated.",
      fallback: [],
      fallbackText: "none",
    }),
  ),
  clusterApi: config.required(
    config.oneOf<ClusterApiLimit>({
      env: "RCIOTS_CLUSTER_API",
      about:
        "The most that people may be on the device's cluster, with kubectl through the platform: off, or view, edit, admin, cluster-admin.",
      values: ["off", ...clusterRoles],
      fallback: "off",
    }),
  ),
  commands: config.required(
    config.oneOf({
      env: "RCIOTS_COMMANDS",
      about:
        "Where the platform may run commands: on the device itself (host), in Pods of its cluster, or both (any).",
      values: commandPlaces,
      fallback: "off",
    }),
  ),
  commandAllow: config.text({
    env: "RCIOTS_COMMAND_ALLOW",
    about:
      "Which commands: regular expressions for whole commands, or sha256: and the digest of a script, one a line.",
    fallbackText: "all that are not denied",
  }),
  commandDeny: config.text({
    env: "RCIOTS_COMMAND_DENY",
    about: "Which commands never: regular expressions for a part of a command, one a line. It wins.",
    fallbackText: "none",
  }),
  terminal: config.required(
    config.oneOf<TerminalPlaces>({
      env: "RCIOTS_TERMINAL",
      about:
        "Where people may open terminals through the platform: off, in containers (pods), on the device itself as the agent's user (host), or any of both.",
      values: ["off", "pods", "host", "any"],
      fallback: "off",
    }),
  ),
  terminalShell: config.text({
    env: "RCIOTS_TERMINAL_SHELL",
    about: "The shell of a terminal on the device itself.",
    fallbackText: "SHELL, or /bin/sh",
  }),
  podLogs: config.required(
    config.oneOf<"on" | "off">({
      env: "RCIOTS_POD_LOGS",
      about: "Whether the platform may show what containers print, as far as the agent may read it.",
      values: ["on", "off"],
      fallback: "on",
    }),
  ),
  healthPort: config.port({
    env: "RCIOTS_HEALTH_PORT",
    about: "Serves /healthz and /readyz on this port.",
    fallbackText: "off",
  }),
  healthHost: config.required(
    config.text({
      env: "RCIOTS_HEALTH_HOST",
      about: "The address to serve them on.",
      fallback: "127.0.0.1",
    }),
  ),
  logLevel: config.required(
    config.oneOf<LogLevel>({
      env: "RCIOTS_LOG_LEVEL",
      about: `One of ${logLevels.join(", ")}.`,
      values: logLevels,
      fallback: "info",
    }),
  ),
};

type TerminalPlaces = "off" | "pods" | "host" | "any";

/** Where the agent runs; facts of the process that are no settings. */
export interface Surroundings {
  isRoot: boolean;
  homeDir: string;
  hostName: string;
}

export interface AgentConfig {
  platformUrl: string;
  token: string | undefined;
  deviceName: string;
  labels: Record<string, string> | undefined;
  trust: Trust;
  cluster: "auto" | "in-cluster" | "kubeconfig" | "none";
  kubeconfig: string | undefined;
  namespace: string | undefined;
  defaultNamespace: string;
  identity: "auto" | "file" | "secret";
  identitySecret: string;
  stateDir: string;
  proxyFor: ProxyChoice;
  headers: Record<string, string> | undefined;
  tunnels: AllowList;
  tunnelRequests: AskedTunnel[];
  clusterApi: ClusterApiLimit;
  commands: CommandRules;
  terminal: TerminalPlaces;
  terminalShell: string | undefined;
  podLogs: "on" | "off";
  healthPort: number | undefined;
  healthHost: string;
  logLevel: LogLevel;
  /** All of it for the log, without secrets. */
  shown: Record<string, unknown>;
}

const currentSurroundings = (): Surroundings => ({
  isRoot: process.getuid?.() === 0,
  homeDir: homedir(),
  hostName: hostname(),
});

/** Throws one `ConfigError` with all the faults. */
export function loadAgentConfig(
  { env, args }: { env: Environment; args: readonly string[] },
  surroundings: Surroundings = currentSurroundings(),
): Readonly<AgentConfig> {
  const faults: string[] = [];
  const loaded = attempt(faults, () => loadSettings(settings, { env, args }));
  // Faults of single settings and of what they mean together are told in one go.
  const given = loaded ?? loadLeniently(env, args);
  const check = <T>(setting: string, parse: () => T): T | undefined => attempt(faults, parse, setting);
  const result = {
    deviceName: check("RCIOTS_DEVICE_NAME", () =>
      deviceName(given.deviceName, given.nodeName ?? surroundings.hostName),
    ),
    labels: check("RCIOTS_LABELS", () => parseLabels(given.labels)),
    trust: check("RCIOTS_CA_FILE, RCIOTS_CA_FINGERPRINT", () =>
      parseTrust(given.caFile, given.caFingerprint),
    ),
    proxyFor: check("RCIOTS_PROXY", () => chooseProxy(given.proxy, env)),
    headers: check("RCIOTS_HEADER", () => parseHeaders(given.header)),
    tunnels: check("RCIOTS_TUNNEL_ALLOW", () => parseAllowList(given.tunnelAllow ?? [])),
    tunnelRequests: check("RCIOTS_TUNNEL", () => parseTunnelRequests(given.tunnel ?? [])),
    commands: check("RCIOTS_COMMAND_ALLOW, RCIOTS_COMMAND_DENY", () =>
      parseCommandRules({
        places: given.commands ?? "off",
        allow: given.commandAllow,
        deny: given.commandDeny,
      }),
    ),
    platform: check("RCIOTS_PLATFORM_URL", () => requireHttps(given.platformUrl)),
  };
  const { deviceName: name, labels, trust, proxyFor, headers, tunnels, tunnelRequests, commands } = result;
  const isWhole =
    name !== undefined &&
    trust !== undefined &&
    tunnels !== undefined &&
    tunnelRequests !== undefined &&
    commands !== undefined;
  if (faults.length > 0 || loaded === undefined || !isWhole || !proxyFor) throw new ConfigError(faults);
  const stateDir = loaded.stateDir ?? defaultStateDir(surroundings);
  const {
    caFile: _caFile,
    caFingerprint: _caFingerprint,
    nodeName: _nodeName,
    header,
    proxy: _proxy,
    tunnelAllow: _allow,
    tunnel: _tunnel,
    commandAllow: _commandAllow,
    commandDeny: _commandDeny,
    ...rest
  } = loaded;
  const shownHeader = header === undefined ? {} : { header: "[redacted]" };
  return Object.freeze({
    ...rest,
    platformUrl: loaded.platformUrl,
    deviceName: name,
    labels,
    trust,
    proxyFor,
    headers,
    tunnels,
    tunnelRequests,
    commands,
    stateDir,
    shown: { ...redactSettings(settings, loaded), ...shownHeader, deviceName: name, stateDir },
  });
}

/** For `--help`. */
export const describeAgentSettings = (): string => describeSettings(settings);

type Given = Partial<
  Record<
    | "deviceName"
    | "nodeName"
    | "caFile"
    | "caFingerprint"
    | "proxy"
    | "header"
    | "platformUrl"
    | "commandAllow"
    | "commandDeny",
    string
  >
> & {
  commands?: (typeof commandPlaces)[number];
  labels?: string[];
  tunnelAllow?: string[];
  tunnel?: string[];
};

/** What can still be said of the rest where one setting is at fault: each by itself, as if it were alone. */
function loadLeniently(env: Environment, args: readonly string[]): Given {
  const groups: string[][] = [];
  for (const arg of args) {
    if (arg.startsWith("--") || groups.length === 0) groups.push([arg]);
    else groups.at(-1)?.push(arg);
  }
  const loaded: Record<string, unknown> = {};
  for (const [key, entry] of Object.entries(settings)) {
    const flag = `--${entry.env.slice("RCIOTS_".length).toLowerCase().replaceAll("_", "-")}`;
    const own = groups.filter(([name = ""]) => name === flag || name.startsWith(`${flag}=`)).flat();
    try {
      loaded[key] = loadSettings({ only: entry }, { env, args: own }).only;
    } catch {
      // Told already.
    }
  }
  return Object.fromEntries(Object.entries(loaded).filter(([, value]) => value !== undefined));
}

function attempt<T>(faults: string[], parse: () => T, setting?: string): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (error instanceof ConfigError) faults.push(...error.faults);
    else faults.push(`${setting ?? ""} ${error instanceof Error ? error.message : String(error)}`.trim());
    return undefined;
  }
}

function requireHttps(url: string | undefined): void {
  if (url?.startsWith("http:") === true)
    throw new Error("must begin with https://: the token would be readable");
}

/** A host's name as a device name: `Edge_07.example.com` becomes `edge-07`. */
export function deviceName(given: string | undefined, hostName: string): string {
  const name = given ?? validNameOf(hostName);
  const parsed = deviceNameField.safeParse(name);
  if (parsed.success) return parsed.data;
  throw new Error(`"${name}" ${parsed.error.issues[0]?.message ?? "is not valid"}`);
}

function validNameOf(hostName: string): string {
  const [first = ""] = hostName.toLowerCase().split(".");
  return first
    .replace(/[^a-z0-9-]+/g, "-")
    .slice(0, 63)
    .replace(/^-+|-+$/g, "");
}

function parseLabels(entries: readonly string[] | undefined): Record<string, string> | undefined {
  if (entries === undefined) return undefined;
  const labels = entries.map((entry) => {
    const at = entry.indexOf("=");
    if (at <= 0) throw new Error(`must be key=value pairs, not "${entry}"`);
    return [entry.slice(0, at).trim(), entry.slice(at + 1).trim()] as const;
  });
  const parsed = labelsField.safeParse(Object.fromEntries(labels));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Error(`${issue?.path.join(".") ?? ""} ${issue?.message ?? "is not valid"}`);
}

function parseTrust(caFile: string | undefined, caFingerprint: string | undefined): Trust {
  if (caFile !== undefined && caFingerprint !== undefined) throw new Error("exclude each other; give one");
  if (caFingerprint !== undefined) return { kind: "fingerprint", sha256: parseFingerprint(caFingerprint) };
  if (caFile === undefined) return { kind: "system" };
  const pem = readFileSync(caFile, "utf8");
  if (splitPem(pem).length === 0) throw new Error(`${caFile} holds no PEM certificate`);
  return { kind: "ca", pem };
}

function chooseProxy(given: string | undefined, env: Environment): ProxyChoice {
  if (given === "none") return () => undefined;
  if (given !== undefined) {
    const proxy = parseProxy(given);
    return () => proxy;
  }
  return proxyFromEnvironment(env);
}

/** Repeated flags come joined by commas; a comma inside a value is told from one by what follows it. */
function parseHeaders(text: string | undefined): Record<string, string> | undefined {
  if (text === undefined) return undefined;
  const headers: Record<string, string> = {};
  for (const entry of text.split(/[,\n]\s*(?=[A-Za-z0-9!#$%&'*+.^_`|~-]+\s*:)/)) {
    const match = /^([A-Za-z0-9!#$%&'*+.^_`|~-]+)\s*:\s*(.*)$/.exec(entry.trim());
    if (match?.[1] === undefined || /[\u0000-\u001f\u007f]/.test(match[2] ?? ""))
      throw new Error('must look like "Name: value"');
    headers[match[1].toLowerCase()] = match[2] ?? "";
  }
  for (const reserved of ["authorization", "host", "upgrade", "connection"]) {
    if (reserved in headers) throw new Error(`can't set ${reserved}: the agent sends its own`);
  }
  return headers;
}

function defaultStateDir({ isRoot, homeDir }: Surroundings): string {
  return isRoot ? "/var/lib/rciots-agent" : join(homeDir, ".rciots-agent");
}
