import {
  createReadPool,
  faultError,
  joinSocket,
  streamTarget,
  tunnelCapability,
  type AcceptStream,
} from "@rciots/protocol";
import type { Logger } from "@rciots/runtime";
import type { AllowList } from "./allow-list.ts";
import { connectTarget } from "./tcp-target.ts";

export interface Tunnels {
  /** What hello says of them. */
  readonly capabilities: readonly string[];
  /** Undefined where tunnels are switched off: a stream is then a fault of the platform. */
  readonly accept: AcceptStream | undefined;
}

const connectTimeoutMs = 10_000;

/** Connects streams that the platform opens to TCP ports that this device allows. */
export function createTunnels(options: {
  allowList: AllowList;
  logger: Logger;
  resolve?: ((host: string) => Promise<string[]>) | undefined;
}): Tunnels {
  const { allowList, logger, resolve } = options;
  const pool = createReadPool();
  if (!allowList.isOpen) return { capabilities: [], accept: undefined };

  const accept: AcceptStream = async (given, signal) => {
    const parsed = streamTarget.safeParse(given);
    if (!parsed.success) {
      const code = isOtherKind(given) ? "target_unsupported" : "target_invalid";
      throw faultError({ code, message: "This agent does not know such a target." });
    }
    const { host, port } = parsed.data;
    try {
      const target = await connectTarget(parsed.data, {
        allowList,
        pool,
        timeoutMs: connectTimeoutMs,
        signal,
        resolve,
      });
      logger.debug({ host, port }, "tunnel opened");
      return (stream) => {
        const { onRead } = joinSocket(stream, target.socket, {
          readsByHand: true,
          onClose: (fault) =>
            logger.debug(
              { host, port, code: fault?.code, sent: stream.sentBytes, received: stream.receivedBytes },
              "tunnel closed",
            ),
        });
        target.onRead(onRead);
      };
    } catch (error) {
      const { code, message } = error as { code?: unknown; message?: unknown };
      logger.info({ host, port, code, reason: message }, "tunnel refused");
      throw error;
    }
  };
  return { capabilities: [tunnelCapability], accept };
}

const isOtherKind = (target: unknown): boolean =>
  typeof target === "object" && target !== null && "kind" in target && target.kind !== "tcp";
