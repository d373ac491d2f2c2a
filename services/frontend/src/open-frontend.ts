import { join } from "node:path";
import {
  createDesiredState,
  createOrganizationVault,
  type DesiredStateService,
  type OrganizationVault,
} from "@rciots/desired-state";
import {
  createGitSource,
  createKustomize,
  fetchKustomize,
  findKustomize,
  type KustomizeBinary,
} from "@rciots/manifests";
import { edgeUrlOf, enrollUrlOf } from "@rciots/process";
import type { DeviceStreams } from "@rciots/protocol";
import {
  certificateFingerprint,
  errorMessage,
  type Bus,
  type Environment,
  type Logger,
  type RequestMeasure,
  type TryLimits,
  type Vault,
} from "@rciots/runtime";
import type { Store } from "@rciots/store";
import type { FrontendConfig, frontendSettings } from "./config.ts";
import { createFrontend, type Frontend } from "./frontend.ts";
import { createMailer } from "./mail/mailer.ts";
import { ensureFirstRun, type FirstRun } from "./organization/first-run.ts";

export interface Rendering {
  secretVault: OrganizationVault;
  desiredState: DesiredStateService;
  /** What renders templates, or null where nothing was found. */
  kustomize: KustomizeBinary | null;
}

interface ProcessOptions {
  store: Store;
  vault: Vault;
  logger: Logger;
  /** Of the process: PATH, and what Go needs where kustomize has to be built. */
  env: Environment;
}

/** What renders templates. Without it everything else works, and a template says what to install. */
async function findRenderer(options: {
  kustomize: string | undefined;
  cacheDir: string;
  env: Environment;
  say: (message: string) => void;
}): Promise<KustomizeBinary | null> {
  const { kustomize, cacheDir, env, say } = options;
  if (kustomize !== undefined) {
    const found = await findKustomize({ pathEnv: env["PATH"], explicitPath: kustomize });
    if (found === null)
      say(`${kustomize} is no kustomize, kubectl or oc that runs; templates can't be rendered.`);
    return found;
  }
  return fetchKustomize({ cacheDir, env, onProgress: say }).catch((error: unknown) => {
    say(errorMessage(error));
    return null;
  });
}

/** What devices should run, by a process that can render it. */
export async function openRendering(
  options: ProcessOptions & {
    config: Pick<FrontendConfig, "kustomize"> & { cacheDir: string };
    /** Told what takes long or is missing. */
    say?: ((message: string) => void) | undefined;
  },
): Promise<Rendering> {
  const { config, store, vault, logger, env, say = () => undefined } = options;
  const binary = await findRenderer({ ...config, env, say });
  const secretVault = createOrganizationVault({ store, vault });
  const kustomize = binary === null ? null : createKustomize({ binary });
  return {
    secretVault,
    desiredState: createDesiredState({ store, secretVault, kustomize, logger }),
    kustomize: binary,
  };
}

export interface OpenFrontendOptions extends ProcessOptions {
  config: Pick<
    FrontendConfig,
    | keyof typeof frontendSettings
    | "publicHost"
    | "enrollPort"
    | "edgePort"
    | "enrollUrl"
    | "edgeUrl"
    | "tunnelPorts"
  > & { cacheDir: string };
  bus: Bus;
  /** Absent: this process is alone. */
  tryLimits: TryLimits | undefined;
  rendering: Rendering;
  deviceStreams: DeviceStreams;
  /** PEM. */
  rootCertificates: () => string;
  busFault: () => string | undefined;
  onRequest: (measure: RequestMeasure) => void;
  /** Address that tunnels listen on, where connectors are in this process. */
  tunnelHost?: string | undefined;
  /** Folder of the built console; absent: the API alone. */
  consoleDir?: string | undefined;
  /** Holds `agent/openshift` and `charts/rciots-agent`, from which clusters install the agent. */
  installDir: string;
}

/** The API and the console as configuration says; the caller starts them. */
export async function openFrontend(
  options: OpenFrontendOptions,
): Promise<{ frontend: Frontend; admin: FirstRun }> {
  const { config, store, bus, vault, logger, env, rendering } = options;
  const admin = await ensureFirstRun({ store, vault, adminPassword: config.adminPassword });
  const git = createGitSource({
    cacheDir: join(config.cacheDir, "git"),
    pathEnv: env["PATH"] ?? "",
    policy: { allowPrivateAddresses: config.gitAllowPrivate, allowFileUrls: config.gitAllowFile },
  });
  const frontend = createFrontend({
    store,
    bus,
    logger,
    vault,
    secretVault: rendering.secretVault,
    desiredState: rendering.desiredState,
    deviceStreams: options.deviceStreams,
    git,
    host: config.consoleHost,
    port: config.consolePort,
    publicUrls: {
      enroll: enrollUrlOf(config),
      edge: edgeUrlOf(config),
      ...(config.consoleUrl === undefined ? {} : { console: config.consoleUrl }),
    },
    consoleDir: options.consoleDir,
    installDir: options.installDir,
    agentImage: config.agentImage,
    caFingerprint: () => certificateFingerprint(options.rootCertificates()),
    tunnelPorts: config.tunnelPorts,
    tunnelHost: options.tunnelHost,
    proxyDomain: config.proxyDomain,
    mailer: createMailer({
      smtpUrl: config.smtpUrl,
      from: config.mailFrom,
      logger: logger.child({ service: "mail" }),
    }),
    trustProxy: config.trustProxy,
    busFault: options.busFault,
    tryLimits: options.tryLimits,
    onRequest: options.onRequest,
    signUp: config.signUp,
  });
  return { frontend, admin };
}
