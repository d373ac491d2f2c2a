import {
  protocolVersions,
  remoteCalls,
  type AskedTunnel,
  type DeviceRequest,
  type DeviceResponse,
  type Facts,
} from "@rciots/protocol";
import {
  errorMessage,
  sleep,
  stopInOrder,
  withTimeout,
  type Logger,
  type ProxyChoice,
} from "@rciots/runtime";
import { acceptStreams } from "./channel/accept-streams.ts";
import type { PlatformHandlers } from "./channel/call-dispatcher.ts";
import { runConnectLoop } from "./channel/connect-loop.ts";
import { createDelivery } from "./channel/delivery.ts";
import { createPlatformConnection, type Connect } from "./channel/platform-connection.ts";
import { createReportOutbox } from "./channel/report-outbox.ts";
import type { SessionEnd } from "./channel/session-fault.ts";
import type { Session } from "./channel/session.ts";
import type { Trust } from "./channel/trust.ts";
import { createClusterApi, type ClusterApiLimit } from "./cluster-api/cluster-api.ts";
import { createCommands, type CommandOptions } from "./command/commands.ts";
import { certificateLife } from "./identity/certificate-life.ts";
import { createIdentityKeeper } from "./identity/identity-keeper.ts";
import type { DeviceIdentity, IdentityStore } from "./identity/identity.store.ts";
import { createPlatformClient } from "./identity/platform.client.ts";
import { createPlatformClock } from "./identity/platform-clock.ts";
import { createRenewal } from "./identity/renewal.ts";
import type { StateStore } from "./reconcile/state-store.ts";
import { createPodLogStreams } from "./pod-logs/pod-logs.ts";
import type { OpenTerminal } from "./terminal/terminal-process.ts";
import { createTerminals } from "./terminal/terminals.ts";
import type { AllowList } from "./tunnel/allow-list.ts";
import { createTunnelRequests, type TunnelRequestStatus } from "./tunnel/tunnel-requests.ts";
import { createTunnels } from "./tunnel/tunnels.ts";
import { createWorkloads, type FoundCluster, type ReconcileOptions } from "./workloads.ts";

export interface AgentOptions {
  /** `https://host[:port]` of the enrolment endpoint. */
  platformUrl: string;
  trust: Trust;
  proxyFor?: ProxyChoice | undefined;
  /** Sent with every HTTP request and with the channel's opening. */
  headers?: Readonly<Record<string, string>> | undefined;
  /** A DNS label. */
  name: string;
  labels?: Record<string, string> | undefined;
  /** Secret; needed only where `identityStore` holds no identity. */
  provisioningToken?: string | undefined;
  identityStore: IdentityStore;
  /** Of the reconciler, and of downloads under way. */
  stateStore: StateStore;
  /** Undefined while there is none; asked again at each patrol. */
  findCluster: () => Promise<FoundCluster | undefined>;
  /** What the device says of itself, without its cluster. */
  readFacts: () => Promise<Facts>;
  agentVersion: string;
  /** Where the platform may open tunnels to. Absent: nowhere, and hello says so. */
  tunnels?: AllowList | undefined;
  /** Which tunnels to ask the platform for. Absent or empty: none, and it closes those that were asked for before. */
  tunnelRequests?: readonly AskedTunnel[] | undefined;
  /** What the platform may ask of the device's cluster on behalf of people. Absent: nothing. */
  clusterApi?: ClusterApiLimit | undefined;
  /** What the platform may have it run. Absent: nothing, and hello says so. */
  commands?: CommandOptions | undefined;
  /** Which terminals the platform may open on behalf of people. Absent: none. */
  terminals?: { host: OpenTerminal | undefined; pods: boolean } | undefined;
  /** Whether the platform may show what containers print. Default true. */
  podLogs?: boolean | undefined;
  logger: Logger;
  /** Between two looks at what may have been missed: a cluster, a lost revision. Default: a minute. */
  patrolIntervalMs?: number;
  /** Between two readings of the facts. Default: an hour. */
  factsIntervalMs?: number;
  /** Between two tries to connect or to enrol. Defaults: 1 s to 30 s, and 1 s to 60 s. */
  backoff?: { minMs: number; maxMs: number };
  reconcile?: ReconcileOptions;
  /** 0 to 1. */
  random?: () => number;
  /** The device's clock. */
  localNow?: () => number;
  /** In place of the network, for tests. */
  connect?: Connect;
  onPhase?: (status: AgentStatus) => void;
}

export type AgentPhase = "starting" | "enrolling" | "connecting" | "connected" | "leaving" | "stopped";

export interface AgentStatus {
  readonly phase: AgentPhase;
  readonly deviceId?: string | undefined;
  readonly sessionId?: string | undefined;
  /** Why there is no session now. */
  readonly lastEnd?: SessionEnd | undefined;
  /** Reports the platform has not acknowledged. */
  readonly waitingReports: number;
  /** What became of the tunnels that were asked for. */
  readonly tunnels: readonly TunnelRequestStatus[];
}

/** How an agent's life ended. */
export type AgentOutcome =
  | { kind: "stopped" }
  | { kind: "decommissioned"; deviceId: string | undefined }
  /** It can't go on as it was set up: refused at enrolment, or its identity can't be read. */
  | { kind: "failed"; error: unknown };

export interface Agent {
  start(): void;
  /** Reports what is left, says goodbye, and awaits everything under way. */
  stop(): Promise<void>;
  /** Resolves once, when the agent has ended by itself or was stopped. */
  readonly finished: Promise<AgentOutcome>;
  status(): AgentStatus;
}

const stopTimeoutMs = 15_000;
/** A clock this close to the platform's counts as right; smaller differences come and go. */
const negligibleOffsetMs = 2_000;
const firstFactsTimeoutMs = 2_000;
const manifestsDiff = remoteCalls["manifests:diff"].capability;

/** One device: its identity, its session with the platform, and the workloads on its cluster. */
export function createAgent(options: AgentOptions): Agent {
  const { logger, random = Math.random } = options;
  const stopping = new AbortController();
  const clock = createPlatformClock({
    ...(options.localNow === undefined ? {} : { localNow: options.localNow }),
    onOffset: (offsetMs) => logger.warn({ offsetMs }, clock.describeError() ?? "the clock is right again"),
  });
  const client = createPlatformClient({
    platformUrl: options.platformUrl,
    trust: options.trust,
    proxyFor: options.proxyFor,
    ...(options.headers === undefined ? {} : { headers: options.headers }),
    clock,
  });
  const keeper = createIdentityKeeper({
    store: options.identityStore,
    client,
    name: options.name,
    labels: options.labels,
    facts: readFacts,
    provisioningToken: options.provisioningToken,
    logger,
    ...(options.backoff === undefined ? {} : { retry: options.backoff }),
    random,
  });
  const renewal = createRenewal({ keeper, clock, logger, random });
  const outbox = createReportOutbox({ logger });
  const workloads = createWorkloads({
    findCluster: options.findCluster,
    stateStore: options.stateStore,
    agentVersion: options.agentVersion,
    onReport: (report) => outbox.add(report),
    logger,
    reconcile: options.reconcile,
  });
  const delivery = createDelivery({
    sink: () => workloads.sink(),
    store: options.stateStore,
    report: (report) => outbox.add(report),
    logger,
  });
  const commands =
    options.commands === undefined
      ? undefined
      : createCommands({ ...options.commands, cluster: () => workloads.cluster(), logger });
  const { tunnelRequests = [] } = options;
  const requests =
    tunnelRequests.length === 0
      ? undefined
      : createTunnelRequests({ tunnels: tunnelRequests, allowList: options.tunnels, logger, random });
  const handlers: PlatformHandlers = {
    "desired:changed": (desired) => {
      delivery.offer(desired);
      return {};
    },
    "device:decommission": ({ wipeWorkloads }) => {
      leaving ??= leave(wipeWorkloads);
      return {};
    },
    "certificate:expire": () => {
      renewal.renewSoon();
      return {};
    },
    "tunnels:changed": () => {
      requests?.changed();
      return {};
    },
    "manifests:diff": (request) => workloads.diff(request),
    ...(commands === undefined ? {} : { "command:start": commands.start, "command:cancel": commands.cancel }),
    "pods:list": (request) => workloads.pods(request),
  };
  const showsLogs = options.podLogs ?? true;
  const terminals =
    options.terminals === undefined
      ? undefined
      : createTerminals({
          ...options.terminals,
          exec: () => workloads.cluster()?.exec,
          logger,
        });
  const streams = acceptStreams({
    tcp: options.tunnels === undefined ? undefined : createTunnels({ allowList: options.tunnels, logger }),
    terminal: terminals?.accept,
    "pod-logs": showsLogs
      ? createPodLogStreams({ logs: () => workloads.cluster()?.logs, logger })
      : undefined,
    "cluster-api": createClusterApi({
      limit: options.clusterApi ?? "off",
      forward: () => workloads.cluster()?.forward,
      logger,
    }),
  });
  const connect =
    options.connect ??
    createPlatformConnection({
      trust: options.trust,
      proxyFor: options.proxyFor,
      headers: options.headers,
      handlers,
      acceptStream: streams.accept,
      logger,
    });

  let phase: AgentPhase = "starting";
  let session: Session | undefined;
  let sessionId: string | undefined;
  let lastEnd: SessionEnd | undefined;
  let saidFacts = "";
  let leaving: Promise<void> | undefined;
  let running: Promise<AgentOutcome> | undefined;
  let patrolling: Promise<void> | undefined;
  let resolveFinished: (outcome: AgentOutcome) => void = () => undefined;
  const finished = new Promise<AgentOutcome>((resolve) => (resolveFinished = resolve));

  const status = (): AgentStatus => ({
    phase,
    deviceId: keeper.current()?.deviceId,
    sessionId,
    lastEnd,
    waitingReports: outbox.waiting,
    tunnels: requests?.status() ?? [],
  });

  function enter(next: AgentPhase): void {
    phase = next;
    options.onPhase?.(status());
  }

  async function readFacts(): Promise<Facts> {
    const offsetMs = clock.offsetMs();
    const isOff = offsetMs !== undefined && Math.abs(offsetMs) >= negligibleOffsetMs;
    return {
      ...(await options.readFacts()),
      ...workloads.facts(),
      ...(offsetMs === undefined ? {} : { clockOffsetMs: isOff ? Math.round(offsetMs / 1_000) * 1_000 : 0 }),
    };
  }

  async function hello(): Promise<DeviceRequest<"session:hello">> {
    const facts = await readFacts();
    saidFacts = JSON.stringify(facts);
    return {
      versions: [...protocolVersions],
      agentVersion: options.agentVersion,
      capabilities: [
        ...(workloads.sink() === undefined ? [] : ["manifests", manifestsDiff]),
        ...streams.capabilities,
        ...(commands?.capabilities ?? []),
        ...(requests?.capabilities ?? []),
      ],
      facts,
    };
  }

  function onLive(live: Session, answer: DeviceResponse<"session:hello">, sentAt: number): void {
    clock.learn(Date.parse(answer.serverTime), sentAt);
    [session, sessionId, lastEnd] = [live, answer.sessionId, undefined];
    renewal.attach(live);
    outbox.attach(live);
    commands?.attach(live);
    requests?.attach(live);
    delivery.attach(live);
    delivery.offer(answer.desired);
    logger.info({ sessionId, revision: answer.desired.revision }, "connected to the platform");
    if (phase !== "leaving") enter("connected");
  }

  function onEnd(end: SessionEnd): void {
    [session, sessionId, lastEnd] = [undefined, undefined, end];
    renewal.detach();
    outbox.detach();
    commands?.detach();
    requests?.detach();
    delivery.detach();
    if (end.code === "platform_certificate_dates") void explainDates();
    if (phase === "connected") enter("connecting");
  }

  async function explainDates(): Promise<void> {
    if (clock.offsetMs() === undefined) await client.askTime(stopping.signal);
  }

  async function beginWorkloads(identity: DeviceIdentity): Promise<boolean> {
    const isNew = await workloads.begin(identity.deviceId);
    if (isNew) {
      const read = workloads.refreshFacts();
      await withTimeout(read, firstFactsTimeoutMs, () => new Error("late")).catch(() => undefined);
    }
    return isNew;
  }

  async function patrol(): Promise<void> {
    const { patrolIntervalMs = 60_000, factsIntervalMs = 3_600_000 } = options;
    let factsDueMs = factsIntervalMs;
    while (!stopping.signal.aborted) {
      await sleep(patrolIntervalMs * (0.9 + random() * 0.2), stopping.signal);
      factsDueMs -= patrolIntervalMs;
      if (stopping.signal.aborted || leaving !== undefined) return;
      const identity = keeper.current();
      // A cluster that came later: what the agent can do is said in hello.
      if (identity !== undefined && (await beginWorkloads(identity)))
        session?.close({ code: "cluster_found", message: "The device has a cluster now." });
      delivery.recheck();
      if (factsDueMs <= 0) {
        await reportFacts();
        factsDueMs = factsIntervalMs;
      }
    }
  }

  async function reportFacts(): Promise<void> {
    try {
      await workloads.refreshFacts();
      const facts = await readFacts();
      const text = JSON.stringify(facts);
      if (session === undefined || text === saidFacts) return;
      await session.call("facts:report", { facts });
      saidFacts = text;
    } catch (error) {
      logger.warn({ error: errorMessage(error) }, "the facts could not be reported yet");
    }
  }

  /** Killed midway, the platform asks again at the next connect. */
  async function leave(wipe: boolean): Promise<void> {
    enter("leaving");
    logger.warn({ wipe }, "the platform decommissions this device");
    delivery.detach();
    try {
      await workloads.decommission({ wipe });
    } finally {
      await commands?.stop();
      await commands?.forget();
      await keeper.forget();
      stopping.abort();
    }
  }

  async function live(): Promise<AgentOutcome> {
    enter("enrolling");
    const identity = await keeper.obtain(stopping.signal);
    await commands?.begin();
    await beginWorkloads(identity);
    if (workloads.sink() === undefined)
      logger.warn({}, "no cluster was found: this device takes no manifests");
    patrolling = patrol();
    enter("connecting");
    const ended = await runConnectLoop(
      {
        identity: keeper,
        connect,
        hello,
        onLive,
        onEnd,
        isExpired: ({ certificateChain }) => certificateLife(certificateChain).notAfter < clock.now(),
        onNewIdentity: () => renewal.reschedule(),
        logger,
        ...(options.backoff === undefined ? {} : { backoff: options.backoff }),
        random,
      },
      stopping.signal,
    );
    const { deviceId } = identity;
    if (ended === "decommissioned") leaving ??= leave(false);
    if (leaving === undefined) return { kind: "stopped" };
    await leaving;
    return { kind: "decommissioned", deviceId };
  }

  async function run(): Promise<AgentOutcome> {
    let outcome: AgentOutcome;
    try {
      outcome = await live();
    } catch (error) {
      outcome = stopping.signal.aborted ? { kind: "stopped" } : { kind: "failed", error };
    }
    stopping.abort();
    await stopInOrder(
      [
        { name: "commands", stop: async () => commands?.stop() },
        { name: "workloads", stop: () => workloads.stop() },
        { name: "terminals", stop: async () => terminals?.stop() },
        { name: "renewal", stop: () => renewal.stop() },
        { name: "patrol", stop: async () => patrolling },
      ],
      { timeoutMs: stopTimeoutMs, logger },
    );
    enter("stopped");
    resolveFinished(outcome);
    return outcome;
  }

  return {
    start() {
      running ??= run();
    },
    async stop() {
      // While the session still stands, so that the last report gets through.
      await Promise.all([workloads.stop(), commands?.stop()]);
      stopping.abort();
      await running;
    },
    finished,
    status,
  };
}
