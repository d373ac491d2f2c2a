import type { AskedTunnel, AskedTunnelAnswer } from "@rciots/protocol";
import { forbidden, isAppError, joinHostPort, publishEvents, type AppError, type Bus } from "@rciots/runtime";
import type { NewEvent, Store, Tunnel } from "@rciots/store";
import {
  closedTunnelDetails,
  tunnelDetails,
  type SyncedTunnel,
  type TunnelDevice,
  type TunnelPorts,
} from "@rciots/tunnels";
import type { Session } from "../session.ts";
import { matchTunnels, mayListenOn } from "./match-tunnels.ts";

/** Networks that may connect to what devices ask for; null: the organisation lets no device ask. */
export type TunnelSetting = { allowFrom: string[] } | null;

export interface SettleContext {
  session: Session;
  device: TunnelDevice;
  setting: TunnelSetting;
  /** Rejects where somebody else took over; asked before each step that changes something. */
  hold: () => Promise<void>;
}

export type SettleTunnels = (
  context: SettleContext,
  asked: readonly AskedTunnel[],
) => Promise<AskedTunnelAnswer[]>;

/** As a person's tunnel is where they say nothing else. */
const defaults = { name: "", protocol: null, maxConnections: 64, idleTimeoutMs: null, closesAt: null };

const refusedBy = ({ code, message }: AppError): AskedTunnelAnswer => ({ state: "refused", code, message });

function answerOf({ port }: Pick<Tunnel, "port">, synced: SyncedTunnel | undefined): AskedTunnelAnswer {
  if (synced?.state === "open") return { state: "open", port };
  if (synced?.state !== "failed") return { state: "opening", port };
  return { state: "failed", port, message: synced.message ?? `The platform can't listen on port ${port}.` };
}

const notAllowed = () =>
  forbidden({
    code: "tunnels_not_allowed",
    message: "The organisation lets no device ask for tunnels; an owner can change that under remote access.",
  });

/** Makes what is stored match what a device wants and its organisation allows, and says what became of each. */
export function createTunnelSettler(options: {
  store: Pick<Store, "tunnels" | "events">;
  bus: Pick<Bus, "publish">;
  ports: TunnelPorts;
  /** Where tunnels listen that name no address of their own; undefined where none listens. */
  host: string | undefined;
}): SettleTunnels {
  const { store, bus, ports, host } = options;

  async function tell(
    session: Session,
    event: Pick<NewEvent, "kind" | "message" | "details">,
  ): Promise<void> {
    const { deviceId, organizationId } = session.identity;
    const actor = { kind: "device", id: deviceId, name: session.deviceName } as const;
    const whole = { organizationId, deviceId, severity: "info" as const, actor, address: session.address };
    await store.events.append({ ...whole, ...event });
    publishEvents(bus, [{ organizationId, kind: event.kind }]);
  }

  async function close({ session, device, setting, hold }: SettleContext, tunnel: Tunnel): Promise<void> {
    await hold();
    const removed = await ports.remove(device, tunnel._id);
    if (removed === null) return;
    const reason =
      setting === null ? "devices may ask for none any more" : "the device doesn't ask for it any more";
    await tell(session, {
      kind: "tunnel.closed",
      message: `The tunnel on port ${removed.port} to ${session.deviceName} was closed: ${reason}.`,
      details: closedTunnelDetails(removed),
    });
  }

  function requireAddress(listenHost: string | undefined): void {
    if (listenHost === undefined || host === undefined || mayListenOn(listenHost, host)) return;
    const message = `Tunnels of devices can't listen on ${listenHost}: the platform is set up to listen on ${host}.`;
    throw forbidden({ code: "listen_host_not_allowed", message });
  }

  async function open(
    { session, device, hold }: SettleContext,
    { allowFrom }: NonNullable<TunnelSetting>,
    { target, port, listenHost }: AskedTunnel,
  ): Promise<AskedTunnelAnswer> {
    await hold();
    requireAddress(listenHost);
    const { tunnel, synced } = await ports.open(device, {
      ...defaults,
      target,
      port,
      listenHost: listenHost ?? null,
      allowFrom,
      requestedBy: "device",
      createdBy: device._id,
    });
    await tell(session, {
      kind: "tunnel.opened",
      message: `${session.deviceName} asked for a tunnel, which was opened from port ${tunnel.port} to ${joinHostPort(target.host, target.port)}.`,
      details: { ...tunnelDetails(tunnel), requestedBy: "device" },
    });
    return answerOf(tunnel, synced);
  }

  /** Undefined where it was closed meanwhile. */
  async function keep(
    { device, hold }: SettleContext,
    { allowFrom }: NonNullable<TunnelSetting>,
    tunnel: Tunnel,
  ): Promise<AskedTunnelAnswer | undefined> {
    if (JSON.stringify(tunnel.allowFrom) !== JSON.stringify(allowFrom)) {
      await hold();
      await store.tunnels.update(tunnel, { allowFrom });
    }
    const synced = await ports.sync(device, tunnel._id);
    return synced?.state === "closed" ? undefined : answerOf(tunnel, synced);
  }

  async function settleOne(
    context: SettleContext,
    wanted: AskedTunnel,
    there: Tunnel | undefined,
  ): Promise<AskedTunnelAnswer> {
    const { setting } = context;
    try {
      if (setting === null) throw notAllowed();
      const kept = there === undefined ? undefined : await keep(context, setting, there);
      return kept ?? (await open(context, setting, wanted));
    } catch (error) {
      if (isAppError(error) && error.status < 500) return refusedBy(error);
      throw error;
    }
  }

  return async (context, asked) => {
    const found = await store.tunnels.askedByDevices([context.device._id]);
    const isOff = context.setting === null;
    const { there, surplus } = matchTunnels(isOff ? [] : asked, found);
    // First, so that another one may have their ports.
    for (const tunnel of surplus) await close(context, tunnel);
    const answers: AskedTunnelAnswer[] = [];
    for (const [index, wanted] of asked.entries())
      answers.push(await settleOne(context, wanted, there[index]));
    return answers;
  };
}
