#!/usr/bin/env node
import { homedir } from "node:os";
import { join } from "node:path";
import {
  ConfigError,
  createLogger,
  errorMessage,
  isAppError,
  nextStopSignal,
  type Logger,
} from "@rciots/runtime";
import { createAgent, type AgentOptions, type AgentOutcome } from "./agent.ts";
import { describeAgentSettings, loadAgentConfig, type AgentConfig } from "./config.ts";
import { readHostFacts } from "./facts/host-facts.ts";
import { findCluster, isInCluster } from "./find-cluster.ts";
import { createHealthServer } from "./health-server.ts";
import { createFileIdentityStore, preparePrivateFolder } from "./identity/file.identity-store.ts";
import type { IdentityStore } from "./identity/identity.store.ts";
import { createSecretIdentityStore } from "./identity/secret.identity-store.ts";
import { lockStateFolder } from "./identity/state-lock.ts";
import { createFileStateStore } from "./reconcile/state-store.ts";
import { openHostTerminal } from "./terminal/terminal-process.ts";
import { agentVersion } from "./version.ts";
import type { FoundCluster } from "./workloads.ts";

const exitCodes = { ok: 0, fault: 1, configuration: 2, refused: 3, identity: 4 };
const identityCodes = new Set(["identity_corrupt", "identity_conflict", "state_in_use"]);

process.exitCode = await main();

async function main(): Promise<number> {
  const args = process.argv.slice(2);
  if (args.includes("--help") || args.includes("-h")) return say(help());
  if (args.includes("--version")) return say(agentVersion);
  try {
    const config = loadAgentConfig({ env: process.env, args });
    const logger = createLogger({ level: config.logLevel, name: "rciots-agent" });
    logger.info({ version: agentVersion, ...config.shown }, "starting");
    return exitCodeOf(await runAgent(config, logger));
  } catch (error) {
    return explain(error);
  }
}

async function runAgent(config: Readonly<AgentConfig>, logger: Logger): Promise<AgentOutcome> {
  const { stateDir } = config;
  await preparePrivateFolder(stateDir);
  const lock = await lockStateFolder(stateDir);
  const search = async (): Promise<FoundCluster | undefined> =>
    findCluster({
      mode: config.cluster,
      kubeconfig: config.kubeconfig,
      namespace: config.namespace,
      env: process.env,
      homeDir: homedir(),
    });
  const agent = createAgent({
    platformUrl: config.platformUrl,
    trust: config.trust,
    proxyFor: config.proxyFor,
    headers: config.headers,
    name: config.deviceName,
    labels: config.labels,
    provisioningToken: config.token,
    identityStore: await chooseIdentityStore(config, search, logger),
    stateStore: createFileStateStore({ dir: stateDir }),
    findCluster: search,
    reconcile: { defaultNamespace: config.defaultNamespace },
    readFacts: () => readHostFacts({ agentVersion }),
    agentVersion,
    tunnels: config.tunnels,
    tunnelRequests: config.tunnelRequests,
    clusterApi: config.clusterApi,
    commands: {
      rules: config.commands,
      store: createFileStateStore({ dir: join(stateDir, "commands") }),
      folder: join(stateDir, "scripts"),
      environment: commandEnvironment(process.env),
    },
    terminals: terminalsOf(config),
    podLogs: config.podLogs === "on",
    logger,
  });
  const health =
    config.healthPort === undefined
      ? undefined
      : createHealthServer({ host: config.healthHost, port: config.healthPort, status: agent.status });
  await health?.start();
  agent.start();
  void nextStopSignal().then((name) => {
    logger.info({ signal: name }, "stopping");
    return agent.stop();
  });
  const outcome = await agent.finished;
  await health?.stop();
  await lock.release();
  return outcome;
}

/** Of the agent's own environment, which holds secrets, commands get what programs need and nothing else. */
function commandEnvironment(env: NodeJS.ProcessEnv): Record<string, string> {
  const names = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "XDG_RUNTIME_DIR",
  ];
  const entries = names.map((name) => [name, env[name] ?? ""] as const).filter(([, value]) => value !== "");
  return { HOME: homedir(), ...Object.fromEntries(entries) };
}

function terminalsOf({ terminal, terminalShell }: Readonly<AgentConfig>): AgentOptions["terminals"] {
  if (terminal === "off") return undefined;
  const shell = terminalShell ?? process.env["SHELL"] ?? "/bin/sh";
  const isHost = terminal === "host" || terminal === "any";
  return {
    host: isHost
      ? openHostTerminal({ shell: [shell, "-l"], env: commandEnvironment(process.env), homeDir: homedir() })
      : undefined,
    pods: terminal === "pods" || terminal === "any",
  };
}

/** A Secret survives the pod; a file survives the process. */
async function chooseIdentityStore(
  { identity, identitySecret, stateDir }: Readonly<AgentConfig>,
  search: () => Promise<FoundCluster | undefined>,
  logger: Logger,
): Promise<IdentityStore> {
  const wantsSecret = identity === "secret" || (identity === "auto" && isInCluster(process.env));
  if (!wantsSecret) return createFileIdentityStore({ folder: stateDir, logger });
  const found = await search();
  if (found === undefined)
    throw new ConfigError(["RCIOTS_IDENTITY is secret, and there is no cluster to keep it in"]);
  return createSecretIdentityStore({ ...found, name: identitySecret });
}

function exitCodeOf(outcome: AgentOutcome): number {
  if (outcome.kind === "failed") return explain(outcome.error);
  if (outcome.kind === "stopped") return exitCodes.ok;
  process.stderr.write(
    `rciots-agent: the platform decommissioned this device (${outcome.deviceId ?? "unknown"}); its identity was wiped. Start it with a new provisioning token to enrol it again.\n`,
  );
  return exitCodes.ok;
}

/** One sentence for people; the log has the details. */
function explain(error: unknown): number {
  process.stderr.write(`rciots-agent: ${errorMessage(error)}\n`);
  if (error instanceof ConfigError) {
    process.stderr.write("--help lists the options.\n");
    return exitCodes.configuration;
  }
  if (!isAppError(error)) return exitCodes.fault;
  if (error.code === "token_missing") return exitCodes.configuration;
  const isAboutIdentity = identityCodes.has(error.code) || error.code.startsWith("kube");
  return isAboutIdentity ? exitCodes.identity : exitCodes.refused;
}

function say(text: string): number {
  process.stdout.write(`${text}\n`);
  return exitCodes.ok;
}

function help(): string {
  return `rciots-agent ${agentVersion}: enrols this device with an RCIoTS platform and runs what is assigned to it.

  RCIOTS_TOKEN=rcp_... npx rciots-agent --platform-url https://platform.example.com

Every option is a flag or a variable of the environment:
${describeAgentSettings()}
  --help, --version`;
}
