import { publishEvents, type Bus } from "@rciots/runtime";
import { platformActor, type Store, type Tunnel } from "@rciots/store";

/** For the other connectors to tell what went through them. */
const lastWordMs = 2_000;

/**
 * Closes a tunnel by itself, for good: it had its time, or nobody used it. Of several connectors that see it, one
 * removes it and tells of it.
 */
export function createTunnelClosing(options: {
  store: Pick<Store, "tunnels" | "events">;
  bus: Bus;
  connectorId: string;
  /** Frees the port here; what was used until then is told of. */
  release: (tunnel: Tunnel) => Promise<void>;
}): (tunnel: Tunnel, reason: string) => Promise<void> {
  const { store, bus, connectorId, release } = options;

  /** One that doesn't answer costs the event some numbers, and nothing else. */
  async function hearOthers({ _id: tunnelId, organizationId, deviceId, reports }: Tunnel): Promise<void> {
    const others = Object.keys(reports).filter((id) => id !== connectorId);
    const request = { organizationId, deviceId, tunnelId };
    await Promise.allSettled(
      others.map((id) => bus.call("tunnel:sync", id, request, { timeoutMs: lastWordMs })),
    );
  }

  return async (tunnel, reason) => {
    await hearOthers(tunnel);
    await release(tunnel);
    const { _id, organizationId, deviceId, name, port, target } = tunnel;
    const removed = await store.tunnels.remove(organizationId, _id);
    if (removed === null) return;
    bus.publish("tunnel:changed", { organizationId, deviceId });
    const { connections, sentBytes, receivedBytes } = removed.usage;
    const event = {
      organizationId,
      deviceId,
      kind: "tunnel.closed",
      severity: "info" as const,
      actor: platformActor,
      message: `The tunnel on port ${port} was closed: ${reason}.`,
      details: { tunnelId: _id, name, port, target, connections, sentBytes, receivedBytes },
      address: null,
    };
    await store.events.append(event);
    publishEvents(bus, [event]);
  };
}
