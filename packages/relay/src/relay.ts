import { networkInterfaces } from "node:os";
import type { DeviceStreams } from "@rciots/protocol";
import { joinHostPort, type Logger, type Vault } from "@rciots/runtime";
import type { Store } from "@rciots/store";
import { createRelayedStreams } from "./device-streams.ts";
import { createPeerIdentity } from "./peer-identity.ts";
import { createRelayServer } from "./relay-server.ts";
import type { RelaySettings } from "./settings.ts";

export interface RelayOptions {
  store: Pick<Store, "devices" | "leases" | "platformValues">;
  vault: Pick<Vault, "seal" | "open" | "rewrap" | "isCurrent">;
  /** Names this process; no two that run have the same. */
  processId: string;
  /** Of a process that holds sessions: its streams, and where the other processes come for them. */
  local?:
    | {
        connectorId: string;
        streams: DeviceStreams;
        host: string;
        /** 0 lets the system choose. */
        port: number;
        /** `host:port` where others reach it; absent: this machine's address and the port. */
        advertise?: string | undefined;
        /** The address of the pod, in Kubernetes. */
        podIp?: string | undefined;
      }
    | undefined;
  logger: Logger;
  settings?: Partial<RelaySettings> | undefined;
}

export interface Relay {
  /** To every device that is connected, whichever process holds its session. */
  readonly streams: DeviceStreams;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Where others reach the sessions of this process; null where it holds none, and before `start`. */
  address(): string | null;
  /** Connections to other processes, connections of others, and the streams of these. */
  counts(): { outgoing: number; incoming: number; streams: number };
}

/** The first address of this machine that others can reach. */
function ownAddress(): string {
  const addresses = Object.values(networkInterfaces()).flatMap((found) => found ?? []);
  const outer = addresses.filter(({ internal, address }) => !internal && !address.startsWith("fe80:"));
  return (outer.find(({ family }) => family === "IPv4") ?? outer[0])?.address ?? "127.0.0.1";
}

/** One process's part in carrying streams to devices across processes. */
export function createRelay(options: RelayOptions): Relay {
  const { store, vault, processId, local, logger, settings = {} } = options;
  const identity = createPeerIdentity({ store, vault, holder: processId, logger });
  const server = local && createRelayServer({ ...local, identity, logger, settings });
  const streams = createRelayedStreams({ store, identity, local, logger, settings });
  let isListening = false;

  return {
    streams,
    async start() {
      await identity.load();
      await server?.start();
      isListening = server !== undefined;
      identity.loop.start();
    },
    async stop() {
      isListening = false;
      streams.stop();
      await Promise.all([server?.stop(), identity.loop.stop()]);
    },
    address() {
      if (server === undefined || !isListening) return null;
      return local?.advertise ?? joinHostPort(local?.podIp ?? ownAddress(), server.address().port);
    },
    counts() {
      const { peers: incoming, streams: open } = server?.counts() ?? { peers: 0, streams: 0 };
      return { outgoing: streams.peers, incoming, streams: open };
    },
  };
}
