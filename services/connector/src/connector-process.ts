import { createDesiredState, createOrganizationVault } from "@rciots/desired-state";
import {
  anyAddress,
  createRemoteSigner,
  startJoinedProcess,
  vaultOf,
  type JoinedProcess,
} from "@rciots/process";
import type { DeviceStreams } from "@rciots/protocol";
import { createRelay } from "@rciots/relay";
import { newId, type Logger } from "@rciots/runtime";
import type { ConnectorConfig } from "./config.ts";
import { createConnector } from "./connector.ts";
import { openEdgeTls } from "./edge-tls.ts";

const stopTimeoutMs = 20_000;

/** A connector in a process of its own. It holds no CA keys: enrolment signs what it asks for. */
export function startConnectorProcess(options: {
  config: ConnectorConfig;
  logger: Logger;
  signal: AbortSignal;
}): Promise<JoinedProcess> {
  const { config, logger, signal } = options;
  const connectorId = newId("con");
  return startJoinedProcess({
    config,
    logger,
    signal,
    stopTimeoutMs: stopTimeoutMs + config.drainSeconds * 1_000,
    async begin(context) {
      const { store, bus, metrics, parts, addReadyCheck, addLiveCheck } = context;
      const vault = vaultOf(config.masterKey);
      const signer = createRemoteSigner({ store, bus, logger });
      const edgeTls = await openEdgeTls(context, { config, vault, signer, processId: connectorId });
      const secretVault = createOrganizationVault({ store, vault });
      const host = config.deviceHost ?? anyAddress();
      const reach: DeviceStreams = { open: (...args) => relay.streams.open(...args) };
      const connector = createConnector({
        store,
        bus,
        logger,
        vault,
        desiredState: createDesiredState({ store, secretVault, kustomize: null, logger }),
        renewer: signer.renewer,
        edgeTls,
        host,
        port: config.edgePort,
        connectorId,
        relayAddress: () => relay.address(),
        settings: { drainMoveMs: config.drainSeconds * 1_000, rebalancePercent: config.rebalancePercent },
        ...(config.tunnelPorts === undefined
          ? {}
          : { tunnels: { host: config.tunnelHost, ports: config.tunnelPorts, streams: reach } }),
      });
      const relay = createRelay({
        store,
        vault,
        processId: connectorId,
        local: {
          connectorId,
          streams: connector.streams,
          host: config.relayHost ?? anyAddress(),
          port: config.relayPort,
          advertise: config.relayAdvertise,
          podIp: config.podIp,
        },
        logger,
      });
      // Before the connector, which says where it is reached; and it outlives the sessions that it leads to.
      await relay.start();
      parts.add({ name: "relay", stop: relay.stop });
      await connector.start();
      parts.add({ name: "connector", stop: connector.stop });
      metrics.watchConnector(connector.numbers);
      const isWell = (): string =>
        connector.health().ok ? "ok" : "its loops don't get through, or it takes no sessions";
      addReadyCheck("sessions", isWell);
      addLiveCheck("loops", () => (connector.health().isAlive ? "ok" : "its loops don't get through"));
    },
  });
}
