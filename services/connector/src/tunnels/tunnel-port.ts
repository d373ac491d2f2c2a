import { hostname } from "node:os";
import type { DeviceStreams } from "@rciots/protocol";
import { errorMessage, type Logger } from "@rciots/runtime";
import type { ConnectionLog, ConnectionNote, Store, Tunnel, TunnelListening } from "@rciots/store";
import { tunnelConnection } from "./tunnel-connection.ts";
import { createTunnelListener, type TunnelListener } from "./tunnel-listener.ts";

/** What came of the wish to listen for a tunnel. */
export interface TunnelPort extends Pick<TunnelListening, "state" | "message"> {
  listener: TunnelListener | undefined;
}

export const ownMachine = hostname();

/** What the other connectors say of a tunnel. */
export const othersOf = ({ reports }: Pick<Tunnel, "reports">, connectorId: string): TunnelListening[] =>
  Object.entries(reports)
    .filter(([id]) => id !== connectorId)
    .map(([, listening]) => listening);

/**
 * Listens for tunnels. Of several processes on one machine the first has the port and the others wait for it to be
 * free; an address of another machine is that machine's to listen on.
 */
export function createPortOpener(options: {
  store: Pick<Store, "tunnels">;
  streams: DeviceStreams;
  /** Where each connection is written down. */
  connections: Pick<ConnectionLog, "begin">;
  /** Where tunnels listen that name no address of their own. */
  host: string;
  connectorId: string;
  logger: Logger;
  now: () => number;
}): { open: (tunnel: Tunnel) => Promise<TunnelPort> } {
  const { store, streams, connections, connectorId, logger, now } = options;

  /** Whether another connector has what can't be had here. */
  async function isTakenByUs(tunnel: Tunnel, error: unknown): Promise<boolean> {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "EADDRINUSE" && code !== "EADDRNOTAVAIL") return false;
    const isOpen = (seen: Tunnel): boolean =>
      othersOf(seen, connectorId).some(
        ({ state, machine }) => state === "open" && (code === "EADDRNOTAVAIL" || machine === ownMachine),
      );
    if (isOpen(tunnel)) return true;
    // It may have been opened a moment ago.
    const fresh = await store.tunnels.find(tunnel.organizationId, tunnel.deviceId, tunnel._id);
    return fresh !== null && isOpen(fresh);
  }

  return {
    async open(tunnel) {
      const host = tunnel.listenHost ?? options.host;
      const onAsked = (address: string): ConnectionNote =>
        connections.begin(tunnelConnection(tunnel, address));
      const listener = createTunnelListener({ tunnel, host, streams, onAsked, logger, now });
      try {
        await listener.open();
        return { listener, state: "open", message: null };
      } catch (error) {
        if (await isTakenByUs(tunnel, error)) return { listener: undefined, state: "standby", message: null };
        const message = `The platform can't listen on port ${tunnel.port}: ${errorMessage(error)}`;
        logger.warn({ tunnelId: tunnel._id, port: tunnel.port, error: errorMessage(error) }, "tunnel failed");
        return { listener: undefined, state: "failed", message };
      }
    },
  };
}
