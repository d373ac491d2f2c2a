import type { DeviceStreams } from "@rciots/protocol";
import { conflict, type CallBus } from "@rciots/runtime";
import type { TunnelKeeper } from "./tunnel-keeper.ts";

/** Longer than a device takes to say that a target does not answer. */
const checkTimeoutMs = 15_000;

const tunnelsOff = () =>
  conflict({ code: "tunnels_off", message: "The platform listens for no tunnels (RCIOTS_TUNNEL_PORTS)." });

/** Answers what the API asks of the connector that holds a device's session. Returns what ends it. */
export function serveTunnelCalls(options: {
  bus: CallBus;
  connectorId: string;
  streams: DeviceStreams;
  /** Undefined where the platform listens for no tunnels. */
  keeper: TunnelKeeper | undefined;
}): () => void {
  const { bus, connectorId, streams, keeper } = options;
  const ends = [
    bus.serve("tunnel:sync", connectorId, async (ref) => {
      if (keeper === undefined) throw tunnelsOff();
      return keeper.sync(ref);
    }),
    bus.serve("tunnel:check", connectorId, async ({ organizationId, deviceId, host, port }, { signal }) => {
      const startedAt = performance.now();
      const ended = AbortSignal.any([signal, AbortSignal.timeout(checkTimeoutMs)]);
      const stream = await streams.open({ organizationId, deviceId }, { kind: "tcp", host, port }, ended);
      stream.reset({ code: "closed", message: "It was a check." });
      return { durationMs: Math.round(performance.now() - startedAt) };
    }),
  ];
  return () => {
    for (const end of ends) end();
  };
}
