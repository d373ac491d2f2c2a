import { createLoop, publishEvents, type Bus, type Logger, type Loop } from "@rciots/runtime";
import {
  platformActor,
  type Device,
  type NewEvent,
  type RemoteAccess,
  type Store,
  type Tunnel,
} from "@rciots/store";
import { closedTunnelDetails, type TunnelPorts } from "@rciots/tunnels";
import type { Acting } from "../audit/audit.ts";
import { isSame } from "../http/optimistic-change.ts";
import { remoteAccessOf } from "../remote-access/remote-access.service.ts";

export interface AskedTunnelsService {
  loop: Loop;
  /** Makes the tunnels that devices of an organisation asked for match what its owners now allow. */
  enforce(acting: Acting, organizationId: string, allowed: RemoteAccess["deviceTunnels"]): Promise<void>;
}

/** A process that dies between a change and what follows from it leaves the rest to this. */
export const askedIntervalMs = 60_000;
const pageSize = 100;

type Actor = Pick<NewEvent, "actor" | "address"> & { requestId?: string };
const platform: Actor = { actor: platformActor, address: null };

/** Ends what an organisation lets its devices ask for no more, whether they are connected or not. */
export function createAskedTunnelsService(options: {
  store: Pick<Store, "tunnels" | "devices" | "organizations" | "events">;
  bus: Bus;
  ports: TunnelPorts;
  logger: Logger;
}): AskedTunnelsService {
  const { store, bus, ports, logger } = options;

  function closedEvent({ requestId, ...by }: Actor, tunnel: Tunnel, device: Device | undefined): NewEvent {
    const { organizationId, deviceId, port } = tunnel;
    const name = device?.name ?? deviceId;
    return {
      organizationId,
      deviceId,
      kind: "tunnel.closed",
      severity: "info",
      message: `The tunnel on port ${port} to ${name} was closed: devices may ask for none any more.`,
      details: { ...closedTunnelDetails(tunnel), ...(requestId === undefined ? {} : { requestId }) },
      ...by,
    };
  }

  const remove = (tunnel: Tunnel, device: Device | undefined): Promise<Tunnel | null> =>
    device === undefined
      ? store.tunnels.remove(tunnel.organizationId, tunnel._id)
      : ports.remove(device, tunnel._id);

  async function closeAll(by: Actor, tunnels: Tunnel[], devices: Map<string, Device>): Promise<void> {
    const closed = await Promise.all(tunnels.map((tunnel) => remove(tunnel, devices.get(tunnel.deviceId))));
    const events = closed.flatMap((tunnel) =>
      tunnel === null ? [] : [closedEvent(by, tunnel, devices.get(tunnel.deviceId))],
    );
    await store.events.appendMany(events);
    publishEvents(bus, events);
  }

  async function restrict(
    allowFrom: string[],
    tunnels: Tunnel[],
    devices: Map<string, Device>,
  ): Promise<void> {
    const others = tunnels.filter((tunnel) => !isSame(tunnel.allowFrom, allowFrom));
    await Promise.all(
      others.map(async (tunnel) => {
        await store.tunnels.update(tunnel, { allowFrom });
        const device = devices.get(tunnel.deviceId);
        if (device !== undefined) await ports.sync(device, tunnel._id);
      }),
    );
  }

  async function enforceBy(
    by: Actor,
    organizationId: string,
    allowed: RemoteAccess["deviceTunnels"],
  ): Promise<void> {
    let after: string | undefined;
    for (;;) {
      const page = { limit: pageSize, ...(after === undefined ? {} : { after }) };
      const tunnels = await store.tunnels.listAsked(organizationId, page);
      if (tunnels.length === 0) return;
      const ids = [...new Set(tunnels.map(({ deviceId }) => deviceId))];
      const found = await store.devices.findMany(organizationId, ids);
      const devices = new Map(found.map((device) => [device._id, device]));
      if (allowed) await restrict(allowed.allowFrom, tunnels, devices);
      else await closeAll(by, tunnels, devices);
      after = tunnels.at(-1)?._id;
    }
  }

  const loop = createLoop({
    name: "tunnels that devices asked for",
    intervalMs: askedIntervalMs,
    async step() {
      const organizations = await store.organizations.findMany(await store.tunnels.organizationsAsked());
      for (const organization of organizations)
        await enforceBy(platform, organization._id, remoteAccessOf(organization).deviceTunnels);
    },
    logger,
  });

  return {
    loop,
    enforce: ({ caller: { actor }, context: { address, requestId } }, organizationId, allowed) =>
      enforceBy({ actor, address, requestId }, organizationId, allowed),
  };
}
