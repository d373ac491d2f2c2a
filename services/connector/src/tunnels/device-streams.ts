import type { faultError } from "@rciots/protocol";
import {
  createMultiplexer,
  createSocketLink,
  streamCapabilities,
  streamStatus,
  type DeviceStreams,
  type StreamDataSink,
  type StreamDevice,
  type StreamFrameSink,
  type StreamTargetKind,
} from "@rciots/protocol";
import { AppError, conflict, createYoungGarbage } from "@rciots/runtime";
import { deviceOffline, sessionReplaced } from "../device-call.ts";
import { refusal, spread } from "../refusal.ts";
import { endSession } from "../session-ending.ts";
import type { SessionRegistry } from "../session-registry.ts";
import type { Session } from "../session.ts";
import type { ConnectorSettings } from "../settings.ts";

const abuseRetryMs = 60_000;

const notTaken = (message: string) => () => conflict({ code: "device_unsupported", message });

/** Why a device takes no streams to such targets. */
const unsupported: Record<StreamTargetKind, () => AppError> = {
  tcp: notTaken(
    "The device takes no tunnels: its agent is too old for them, or they are switched off there (--tunnel-allow none).",
  ),
  terminal: notTaken(
    "The device opens no terminals: its agent is too old for them, or they are switched off there (--terminal).",
  ),
  "pod-logs": notTaken(
    "The device shows no logs: it has no cluster, its agent is too old, or they are switched off there (--pod-logs).",
  ),
  "cluster-api": notTaken(
    "The device lets nobody at its cluster: its agent is too old for it, or it is switched off there (--cluster-api).",
  ),
};

/** Since the start of the process. */
export interface StreamCounts {
  opened: number;
  refused: number;
  sentBytes: number;
  receivedBytes: number;
}

export function createDeviceStreams(options: {
  registry: Pick<SessionRegistry, "current">;
  /** Where stream data of a connection can be taken as it comes. */
  dataSinkOf: (transport: Session["transport"]) => StreamDataSink | undefined;
  settings: ConnectorSettings;
}): DeviceStreams & { counts: () => StreamCounts } {
  const { registry, dataSinkOf, settings } = options;
  const garbage = createYoungGarbage();
  const counts: StreamCounts = { opened: 0, refused: 0, sentBytes: 0, receivedBytes: 0 };

  function liveSession({ organizationId, deviceId, sessionId }: StreamDevice): Session {
    const session = registry.current(deviceId);
    const isTheirs = session?.identity.organizationId === organizationId;
    if (session === undefined || !isTheirs || session.state !== "live") throw deviceOffline();
    if (sessionId !== undefined && session.id !== sessionId) throw sessionReplaced();
    return session;
  }

  /** With a session's first stream; the many that never carry one don't pay for it. */
  function begin(session: Session) {
    const streams = createMultiplexer({
      side: "platform",
      link: createSocketLink(session.transport, { isClient: false }),
      onData(direction, bytes) {
        counts[direction === "sent" ? "sentBytes" : "receivedBytes"] += bytes;
        garbage.note(bytes);
      },
      onViolation(reason) {
        const { code, message } = { code: "abuse" as const, message: `The device sent ${reason}.` };
        endSession(session, refusal(code, message, spread(abuseRetryMs)), settings.cutGraceMs);
      },
    });
    const { decoder } = (session.socket as unknown as { client: { decoder: StreamFrameSink } }).client;
    decoder.onStreamFrame = (frame) => streams.receive(frame);
    const sink = dataSinkOf(session.transport);
    if (sink !== undefined) sink.onStreamData = (id, bytes) => streams.receiveData(id, bytes);
    session.streams = streams;
    return streams;
  }

  return {
    counts: () => ({ ...counts }),
    async open(device, target, signal) {
      const session = liveSession(device);
      if (!session.capabilities.includes(streamCapabilities[target.kind])) throw unsupported[target.kind]();
      const streams = session.streams ?? begin(session);
      try {
        const stream = await streams.open(target, signal);
        counts.opened += 1;
        return stream;
      } catch (error) {
        counts.refused += 1;
        signal?.throwIfAborted();
        throw asAppError(error as ReturnType<typeof faultError>);
      }
    },
  };
}

function asAppError({ code, message }: { code: string; message: string }): AppError {
  if (code === "session_ended") return deviceOffline();
  return new AppError({ code, status: streamStatus(code), message });
}
