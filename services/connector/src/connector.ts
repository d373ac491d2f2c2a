import type { AddressInfo } from "node:net";
import type { DeviceStreams } from "@rciots/protocol";
import {
  AppError,
  errorMessage,
  type Bus,
  type CertificateRenewer,
  type Logger,
  type Sealer,
  type TlsSource,
} from "@rciots/runtime";
import { createConnectionLog, type Store } from "@rciots/store";
import { createTunnelPorts, type PortRange } from "@rciots/tunnels";
import { createAdmission } from "./admission.service.ts";
import { createAskedTunnels } from "./asked-tunnels/asked-tunnels.service.ts";
import { createCallHandlers } from "./call-handlers.ts";
import { createCommandReports } from "./command-reports.service.ts";
import { createDelivery } from "./delivery.service.ts";
import { createDesiredReader, type DesiredStatePort } from "./desired.service.ts";
import { serveDeviceCalls } from "./device-calls.service.ts";
import { createDeviceUpdates } from "./device-updates.ts";
import { createDispatcher } from "./dispatcher.ts";
import { drainSessions } from "./draining.ts";
import { createEdgeServer, type EdgeServer } from "./edge-server.ts";
import { createHelloHandler } from "./hello.handler.ts";
import { createKnownAuthorities } from "./known-authorities.ts";
import { createLoadMonitor, type LoopDelay } from "./load-monitor.ts";
import { createOwnLoad } from "./own-load.ts";
import { createPatrol } from "./patrol.ts";
import { createPresence } from "./presence.service.ts";
import { createRebalancing } from "./rebalancing.ts";
import { createRefusalLog } from "./refusal-log.ts";
import { createReports } from "./reports.service.ts";
import { serveSessions } from "./session-lifecycle.ts";
import { createSessionRegistry } from "./session-registry.ts";
import type { Session } from "./session.ts";
import { defaultSettings, type ConnectorSettings } from "./settings.ts";
import { createTicketKeys } from "./ticket-keys.ts";
import { createDeviceStreams, type StreamCounts } from "./tunnels/device-streams.ts";
import { serveTunnelCalls } from "./tunnels/tunnel-calls.ts";
import { createTunnelKeeper, type TunnelCounts } from "./tunnels/tunnel-keeper.ts";

export interface ConnectorOptions {
  store: Store;
  bus: Bus;
  logger: Logger;
  desiredState: DesiredStatePort;
  renewer: CertificateRenewer;
  edgeTls: TlsSource;
  /** Seals the shared TLS ticket keys; the platform's vault. */
  vault: Sealer;
  host: string;
  /** 0 lets the system choose. */
  port: number;
  /** Of this replica, and the same after its restart; no two that run have the same. */
  connectorId: string;
  /** `host:port` where other processes reach the streams of the sessions here; absent: nowhere. */
  relayAddress?: (() => string | null) | undefined;
  /**
   * Where tunnels listen, on which ports, and what leads to devices of other connectors too (absent: there are none).
   * Absent: the platform listens for no tunnels.
   */
  tunnels?: { host: string; ports: PortRange; streams?: DeviceStreams | undefined } | undefined;
  settings?: Partial<ConnectorSettings>;
  /** Milliseconds since 1970; tests move it. */
  now?: () => number;
}

export interface ConnectorHealth {
  /** False where the connector can't do its work: its loops do not get through, or it takes no sessions. */
  ok: boolean;
  /** False where its loops have not got through for long: starting it again may mend that. */
  isAlive: boolean;
  sessions: number;
  /** Since the last success; Infinity before the first. */
  patrolAgeMs: number;
  leaseAgeMs: number;
}

export interface ConnectorNumbers {
  sessions: number;
  live: number;
  checking: number;
  hellos: number;
  /** Since the start. */
  edge: Record<string, number>;
  calls: Record<string, number>;
  refused: Record<string, number>;
  /** Sessions sent to other connectors that had fewer. */
  moved: number;
  offers: Record<string, number>;
  reports: Record<string, number>;
  streams: StreamCounts;
  /** At this moment. */
  tunnels: TunnelCounts;
}

export interface ConnectorStats extends ConnectorNumbers {
  /** Since the last call of `stats`. */
  loopDelay: LoopDelay;
}

export interface Connector {
  /** To the devices whose sessions are here. */
  readonly streams: DeviceStreams;
  start(): Promise<void>;
  /** Takes no new sessions, sends those that are there away, and ends them within `drainMoveMs` and `drainMs`. */
  stop(): Promise<void>;
  address(): AddressInfo | null;
  health(): ConnectorHealth;
  numbers(): ConnectorNumbers;
  stats(): ConnectorStats;
}

const updateDelayMs = 250;
/** Holds the devices' sessions: who may have one, what they are told, what they report. */
export function createConnector(options: ConnectorOptions): Connector {
  const { store, bus, logger, desiredState, renewer, edgeTls, connectorId, now = Date.now } = options;
  const settings: ConnectorSettings = { ...defaultSettings, ...options.settings };
  const registry = createSessionRegistry();
  const updates = createDeviceUpdates({ bus, delayMs: updateDelayMs });
  const noteUpdate = updates.note;
  const monitor = createLoadMonitor();
  const refusals = createRefusalLog({ store, bus, logger, now });
  const authorities = createKnownAuthorities({ store, edgeTls });
  const desired = createDesiredReader({ store, desiredState });
  const delivery = createDelivery({ desired, logger, ackTimeoutMs: settings.ackTimeoutMs });
  const reports = createReports({ store, bus, noteUpdate });
  const commandReports = createCommandReports({ store, bus });
  let isDraining = false;
  let startedAt = performance.now();
  let edge: EdgeServer | undefined;
  let unsubscribe: (() => void)[] = [];

  const ownLoad = createOwnLoad({
    sessions: () => registry.size,
    checking: () => admission.checking,
    isReady: () => health().ok,
    isDraining: () => isDraining,
    settings,
  });
  const presence = createPresence({
    store,
    logger,
    registry,
    connectorId,
    relayAddress: options.relayAddress ?? (() => null),
    load: ownLoad.read,
    settings,
    noteUpdate(organizationId, deviceId) {
      noteUpdate(organizationId, deviceId);
      tunnels?.presenceChanged({ organizationId, deviceId });
    },
    onLeaseRegained: () => patrol.loop.nudge(),
  });
  const streams = createDeviceStreams({
    registry,
    dataSinkOf: (transport) => edge?.dataSinkOf(transport),
    settings,
  });
  const connections = createConnectionLog({ store, bus, logger });
  const tunnels =
    options.tunnels === undefined
      ? undefined
      : createTunnelKeeper({
          store,
          bus,
          registry,
          streams: options.tunnels.streams ?? streams,
          isShared: options.tunnels.streams !== undefined,
          connections,
          host: options.tunnels.host,
          connectorId,
          intervalMs: settings.tunnelIntervalMs,
          moveMs: settings.tunnelMoveMs,
          logger,
          now,
        });
  const askedTunnels = createAskedTunnels({
    store,
    bus,
    registry,
    ports: createTunnelPorts({ store, bus, ports: options.tunnels?.ports }),
    host: options.tunnels?.host,
    intervalMs: settings.patrolIntervalMs,
    logger,
  });
  const onGone = (session: Session): void => tunnels?.deviceGone(session);
  const patrol = createPatrol({
    store,
    logger,
    registry,
    authorities,
    presence,
    delivery,
    onGone,
    connectorId,
    settings,
    now,
  });
  const rebalancing =
    settings.rebalancePercent === 0
      ? undefined
      : createRebalancing({
          store,
          registry,
          connectorId,
          load: ownLoad.read,
          tunnelled: () => tunnels?.devices() ?? new Set(),
          settings,
          logger,
          now,
        });
  const ticketKeys = createTicketKeys({
    store,
    vault: options.vault,
    holder: connectorId,
    lifetimeMs: settings.ticketKeyLifetimeMs,
    checkMs: settings.ticketKeyCheckMs,
    onChange: () => edge?.renewSecureContext(),
    logger,
    now,
  });
  const admission = createAdmission({
    store,
    logger,
    authorities,
    registry,
    presence,
    refusals,
    connectorId,
    settings,
    isDraining: () => isDraining,
    onTakenOver: ({ organizationId, deviceId }) =>
      bus.publish("device:access-changed", { organizationId, deviceId }),
    noteUpdate,
    now,
  });
  const helloHandler = createHelloHandler({
    desired,
    saveFacts: (session, facts) => reports.facts(session, facts),
    onLive(session) {
      tunnels?.deviceLive(session);
      askedTunnels.deviceLive(session);
    },
    settings,
    now,
  });

  const handlers = createCallHandlers({
    helloHandler,
    desired,
    desiredState,
    reports,
    commandReports,
    askedTunnels,
    renewer,
    settings,
    now,
  });
  const dispatcher = createDispatcher({ handlers, settings, logger, now });

  function subscribe(): void {
    const ofOrganization = (organizationId: string) =>
      registry.all().filter((session) => session.identity.organizationId === organizationId);
    unsubscribe = [
      bus.subscribe("device:access-changed", ({ deviceId }) => patrol.rejudge(registry.ofDevice(deviceId))),
      bus.subscribe("organization:changed", ({ organizationId }) => {
        patrol.rejudge(ofOrganization(organizationId));
        askedTunnels.organizationChanged(organizationId);
      }),
      bus.subscribe("desired:changed", ({ organizationId, deviceIds }) => {
        const sessions = deviceIds?.flatMap((id) => registry.current(id) ?? []);
        delivery.consider(sessions ?? ofOrganization(organizationId));
      }),
      bus.subscribe("tunnel:changed", (device) => tunnels?.lookAgain(device)),
      edgeTls.onChange(() => edge?.renewSecureContext()),
      serveDeviceCalls({ bus, connectorId, registry, settings, now }),
      serveTunnelCalls({ bus, connectorId, streams, keeper: tunnels }),
    ];
  }

  async function begin(): Promise<void> {
    startedAt = performance.now();
    ownLoad.start();
    await Promise.all([ticketKeys.load(), authorities.refresh()]);
    await presence.start();
    edge = createEdgeServer({ edgeTls, ticketKeys, settings, logger });
    serveSessions(edge.io, { admission, dispatcher, registry, presence, onGone, settings, logger });
    subscribe();
    await edge.listen(options.host, options.port);
    monitor.start();
    patrol.loop.start();
    ticketKeys.loop.start();
    tunnels?.loop.start();
    rebalancing?.loop.start();
    askedTunnels.start();
    presence.announce();
    connections.loop.start();
    logger.info({ connectorId, address: edge.address() }, "connector listens for devices");
  }

  function numbers(): ConnectorNumbers {
    return {
      sessions: registry.size,
      live: registry.all().filter((session) => session.state === "live").length,
      checking: admission.checking,
      hellos: helloHandler.inProgress,
      edge: edge?.counts() ?? {},
      calls: dispatcher.counts(),
      refused: refusals.counts(),
      moved: rebalancing?.moved() ?? 0,
      offers: delivery.counts(),
      reports: reports.counts(),
      streams: streams.counts(),
      tunnels: tunnels?.counts() ?? { open: 0, standby: 0, failed: 0, connections: 0 },
    };
  }

  async function stop(): Promise<void> {
    isDraining = true;
    edge?.refuseNew();
    presence.announce();
    await tunnels?.drain();
    // Until it is their turn, sessions are served as ever: calls, streams, hints.
    await drainSessions(registry, settings);
    for (const end of unsubscribe) end();
    await Promise.all([
      patrol.loop.stop(),
      ticketKeys.loop.stop(),
      rebalancing?.loop.stop(),
      askedTunnels.stop(),
    ]);
    await tunnels?.stop();
    await edge?.close();
    await connections.stop();
    await Promise.all([delivery.drain(), reports.drain(), commandReports.drain(), desired.drain()]);
    await presence.stop();
    updates.flush();
    monitor.stop();
    ownLoad.stop();
  }

  function health(): ConnectorHealth {
    const patrolAgeMs = patrol.loop.ageMs();
    const leaseAgeMs = presence.leaseAgeMs();
    const isListening = (edge?.address() ?? null) !== null && !isDraining;
    const areAges = (patrolMs: number, leaseMs: number): boolean =>
      patrolMs < 4 * settings.patrolIntervalMs && leaseMs < 2 * settings.leaseMs;
    const ok = isListening && areAges(patrolAgeMs, leaseAgeMs);
    const runningMs = performance.now() - startedAt;
    // Before its first success a loop has had as long as the connector runs.
    const isAlive = areAges(Math.min(patrolAgeMs, runningMs), Math.min(leaseAgeMs, runningMs));
    return { ok, isAlive, sessions: registry.size, patrolAgeMs, leaseAgeMs };
  }

  return {
    streams,
    async start() {
      if (edge !== undefined) {
        throw new AppError({ code: "already_started", status: 500, message: "The connector runs already." });
      }
      try {
        await begin();
      } catch (error) {
        // Such as a port that is taken: the loops that run already must not go on alone.
        await stop().catch((failure: unknown) =>
          logger.warn({ error: errorMessage(failure) }, "connector did not stop cleanly"),
        );
        throw error;
      }
    },
    stop,
    address: () => edge?.address() ?? null,
    health,
    numbers,
    stats: () => ({ ...numbers(), loopDelay: monitor.read({ reset: true }) }),
  };
}
