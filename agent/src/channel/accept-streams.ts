import {
  faultError,
  streamCapabilities,
  streamTarget,
  type AcceptStream,
  type ByteStream,
  type StreamTarget,
  type StreamTargetKind,
} from "@rciots/protocol";

/** Connects a stream to one kind of target: as `AcceptStream`, with the target checked. */
export type AcceptTarget<Kind extends StreamTargetKind> = (
  target: Extract<StreamTarget, { kind: Kind }>,
  signal: AbortSignal,
) => Promise<(stream: ByteStream) => void>;

/** Who takes streams to which kind of target; what is absent is switched off on this device. */
export type StreamAcceptors = { [Kind in StreamTargetKind]?: AcceptTarget<Kind> | undefined };

export interface AcceptedStreams {
  /** What hello says of them. */
  readonly capabilities: readonly string[];
  /** Undefined where nothing takes streams: one is then a fault of the platform. */
  readonly accept: AcceptStream | undefined;
}

const hasKind = (target: unknown, kinds: readonly string[]): boolean =>
  typeof target === "object" && target !== null && "kind" in target && kinds.includes(String(target.kind));

/** Hands each stream that the platform opens to whoever takes its kind of target. */
export function acceptStreams(acceptors: StreamAcceptors): AcceptedStreams {
  const kinds = (Object.keys(streamCapabilities) as StreamTargetKind[]).filter(
    (kind) => acceptors[kind] !== undefined,
  );
  const accept: AcceptStream = async (given, signal) => {
    const parsed = streamTarget.safeParse(given);
    if (!parsed.success || !kinds.includes(parsed.data.kind)) {
      const code = hasKind(given, kinds) ? "target_invalid" : "target_unsupported";
      throw faultError({ code, message: "This agent does not know such a target." });
    }
    const { data } = parsed;
    const acceptor = acceptors[data.kind] as AcceptTarget<StreamTargetKind>;
    return acceptor(data, signal);
  };
  return {
    capabilities: kinds.map((kind) => streamCapabilities[kind]),
    accept: kinds.length === 0 ? undefined : accept,
  };
}
