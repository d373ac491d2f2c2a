import {
  streamStatus,
  type ByteStream,
  type DeviceStreams,
  type StreamDevice,
  type StreamFault,
  type StreamTarget,
} from "@rciots/protocol";
import { AppError, conflict, errorMessage, isAppError, notFound, type Logger } from "@rciots/runtime";
import type { Presence, Store } from "@rciots/store";
import type { PeerIdentity } from "./peer-identity.ts";
import { connectPeer } from "./peer.ts";
import { createPeers } from "./peers.ts";
import { defaultRelaySettings, type RelaySettings } from "./settings.ts";

/** Where the leases of connectors are kept, with the addresses of their relays. */
export const connectorLease = (connectorId: string): string => `connector:${connectorId}`;

export interface RelayedStreams extends DeviceStreams {
  /** Ends the connections to other processes, and what goes over them. */
  stop(): void;
  /** Connections to other processes. */
  readonly peers: number;
}

/** The session that presence named was not there; there may be another one by now. */
const staleCodes = ["device_offline", "session_replaced", "relay_unavailable"];
const maxTries = 3;

const offline = (): AppError =>
  conflict({ code: "device_offline", message: "The device is not connected; try again when it is online." });

const replaced = (): AppError =>
  conflict({ code: "session_replaced", message: "The device has connected anew meanwhile." });

function unavailable(cause: unknown): AppError {
  const message = "The process that holds the device's session can't be reached now; try again in a moment.";
  return new AppError({ code: "relay_unavailable", status: 503, message, cause });
}

function asAppError({ code, message }: StreamFault): AppError {
  if (code === "session_ended") return unavailable(message);
  return new AppError({ code, status: streamStatus(code), message });
}

const isStale = (error: unknown): boolean => isAppError(error) && staleCodes.includes(error.code);

/**
 * Streams to devices wherever their sessions are: here first, else through the connector that presence names.
 * A device that moves between the look and the opening is followed.
 */
export function createRelayedStreams(options: {
  store: Pick<Store, "devices" | "leases">;
  identity: PeerIdentity;
  /** Of this process, where it holds sessions itself. */
  local?: { connectorId: string; streams: DeviceStreams } | undefined;
  logger: Logger;
  settings?: Partial<RelaySettings>;
}): RelayedStreams {
  const { store, identity, local, logger } = options;
  const settings: RelaySettings = { ...defaultRelaySettings, ...options.settings };
  const peers = createPeers({
    addressOf: (connectorId) => store.leases.addressOf(connectorLease(connectorId)),
    connect: (address) => connectPeer({ address, identity, settings }),
    logger,
  });

  async function presenceOf({ organizationId, deviceId }: StreamDevice): Promise<Presence> {
    const device = await store.devices.find(organizationId, deviceId);
    if (device === null) throw notFound({ code: "device_not_found", message: "There is no such device." });
    return device.presence;
  }

  async function relay(
    connectorId: string,
    request: StreamDevice & { sessionId: string; target: StreamTarget },
    signal: AbortSignal | undefined,
  ): Promise<ByteStream> {
    const peer = await peers.reach(connectorId).catch((error: unknown) => {
      throw unavailable(errorMessage(error));
    });
    signal?.throwIfAborted();
    try {
      return await peer.open(request, signal);
    } catch (error) {
      signal?.throwIfAborted();
      throw asAppError(error as StreamFault);
    }
  }

  /** Where presence says the session is. */
  async function openAt(
    { online, connectorId, sessionId }: Presence,
    { organizationId, deviceId }: StreamDevice,
    target: StreamTarget,
    signal: AbortSignal | undefined,
  ): Promise<ByteStream> {
    if (!online || connectorId === null || sessionId === null) throw offline();
    const device = { organizationId, deviceId, sessionId };
    if (connectorId === local?.connectorId) return local.streams.open(device, target, signal);
    return relay(connectorId, { ...device, target }, signal);
  }

  async function openHere(
    device: StreamDevice,
    target: StreamTarget,
    signal: AbortSignal | undefined,
  ): Promise<ByteStream | undefined> {
    try {
      return await local?.streams.open(device, target, signal);
    } catch (error) {
      if (isAppError(error) && error.code === "device_offline") return undefined;
      throw error;
    }
  }

  return {
    async open(device, target, signal) {
      signal?.throwIfAborted();
      const here = await openHere(device, target, signal);
      if (here !== undefined) return here;
      let presence = await presenceOf(device);
      for (let tries = 1; ; tries += 1) {
        if (device.sessionId !== undefined && device.sessionId !== presence.sessionId) throw replaced();
        try {
          return await openAt(presence, device, target, signal);
        } catch (error) {
          if (!isStale(error)) throw error;
          const before = presence.sessionId;
          presence = await presenceOf(device);
          if (tries === maxTries || presence.sessionId === before) throw error;
        }
      }
    },
    stop: peers.stop,
    get peers() {
      return peers.size;
    },
  };
}
