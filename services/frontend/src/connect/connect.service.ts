import {
  createMultiplexer,
  faultError,
  frameHeaderBytes,
  splice,
  streamLimits,
  tcpTarget,
  type ByteStream,
  type DeviceStreams,
  type TcpTarget,
} from "@rciots/protocol";
import { badRequest, conflict, errorMessage, type Logger } from "@rciots/runtime";
import type { ConnectionLog, Store } from "@rciots/store";
import type { Acting, Audit } from "../audit/audit.ts";
import type { Member } from "../auth/caller.ts";
import type { RouteSocket } from "../http/route-socket.ts";
import type { PreparedSocket } from "../http/socket-route.ts";
import { createConnectUsage, type ConnectUsage } from "./connect-usage.ts";
import { requireDevice } from "../devices/require-device.ts";

interface MemberActing extends Acting {
  caller: Member;
}

export interface ConnectService {
  /** Throws where the device can't be connected to, with no effects. */
  prepare(acting: MemberActing, deviceId: string): Promise<PreparedSocket>;
}

/** What one WebSocket may have open, and hold in memory here. */
const limits = { streams: 256, windowPoolBytes: 4 * 1_048_576 };
/** Nobody works on so many places of one device by hand. */
const maxTargets = 256;

/** The largest frame: an `open` or data. */
export const maxConnectMessageBytes =
  frameHeaderBytes + 4 + Math.max(streamLimits.frameDataBytes, streamLimits.targetBytes);

/** Carries the streams that somebody opens on a WebSocket to a device, without a port of the platform. */
export function createConnectService(options: {
  store: Pick<Store, "devices">;
  deviceStreams: DeviceStreams;
  audit: Audit;
  connections: Pick<ConnectionLog, "begin">;
  logger: Logger;
}): ConnectService {
  const { store, deviceStreams, audit, connections, logger } = options;

  async function findActive(organizationId: string, deviceId: string): Promise<string> {
    const device = await requireDevice(store, organizationId, deviceId);
    if (device.status === "active") return device.name;
    const message = `The device is ${device.status}; only one that is active can be connected to.`;
    throw conflict({ code: "device_status_conflict", message, details: { deviceStatus: device.status } });
  }

  function targetOf(given: unknown): TcpTarget {
    const parsed = tcpTarget.safeParse(given);
    if (parsed.success) return parsed.data;
    throw faultError({ code: "target_invalid", message: "Only TCP ports can be connected to here." });
  }

  /** Who reaches what is known before anything is. */
  async function recordTarget(
    acting: MemberActing,
    deviceId: string,
    { host, port }: TcpTarget,
  ): Promise<void> {
    await audit.record(acting, {
      organizationId: acting.caller.organizationId,
      deviceId,
      kind: "connect.reached",
      message: `A connection to ${host}:${port} was asked for.`,
      details: { target: { host, port } },
    });
  }

  /** Of a person and a device, however many WebSockets there are for it. */
  function asked({ caller, context }: MemberActing, deviceId: string, { host, port }: TcpTarget) {
    const { organizationId, actor } = caller;
    return connections.begin({
      organizationId,
      deviceId,
      actor,
      address: context.address,
      target: { host, port },
      way: { id: `${deviceId} ${actor.id}`, name: "rciots connect" },
      details: { requestId: context.requestId },
    });
  }

  async function carry(acting: MemberActing, deviceId: string, socket: RouteSocket, usage: ConnectUsage) {
    const { organizationId } = acting.caller;

    async function accept(given: unknown, signal: AbortSignal): Promise<(stream: ByteStream) => void> {
      const target = targetOf(given);
      const noted = asked(acting, deviceId, target);
      try {
        const found = await reach(target, signal);
        noted.opened(found);
        return (stream) => splice(stream, found);
      } catch (error) {
        noted.refused(error);
        throw error;
      }
    }

    async function reach(target: TcpTarget, signal: AbortSignal): Promise<ByteStream> {
      const isNew = usage.isNew(target);
      if (isNew && usage.targets >= maxTargets) {
        const message = `One connection reaches at most ${maxTargets} targets.`;
        throw faultError({ code: "too_many_streams", message });
      }
      const counted = usage.begin(target);
      try {
        if (isNew) await recordTarget(acting, deviceId, target);
        const found = await deviceStreams.open({ organizationId, deviceId }, target, signal);
        counted.opened(found);
        return found;
      } catch (error) {
        counted.refused();
        throw error;
      }
    }

    const streams = createMultiplexer({
      side: "platform",
      link: socket.link,
      accept,
      limits,
      onViolation: (reason) =>
        socket.fail(badRequest({ code: "protocol_violation", message: `The client sent ${reason}.` })),
    });
    await new Promise<void>((resolve) => {
      socket.signal.addEventListener("abort", () => resolve(), { once: true });
      socket.onMessage((message, isBinary) => {
        if (isBinary) return streams.receive(message);
        socket.fail(badRequest({ code: "protocol_violation", message: "Messages here are binary." }));
      });
    });
    streams.close({ code: "session_ended", message: "The connection to the platform is over." });
  }

  return {
    async prepare(acting, deviceId) {
      const name = await findActive(acting.caller.organizationId, deviceId);
      return {
        opening: { kind: "connect.opened", deviceId, message: `A way to the device ${name} was opened.` },
        async run(socket) {
          const usage = createConnectUsage(() => performance.now());
          try {
            await carry(acting, deviceId, socket, usage);
          } finally {
            const { organizationId } = acting.caller;
            const record = {
              organizationId,
              deviceId,
              kind: "connect.closed",
              message: `The way to the device ${name} was closed.`,
              details: usage.summary(),
            };
            await audit.record(acting, record).catch((error: unknown) => {
              logger.error({ deviceId, error: errorMessage(error) }, "end of a connection not recorded");
            });
          }
        },
      };
    },
  };
}
