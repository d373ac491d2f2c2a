import { createReadPool, joinSocket } from "@rciots/protocol";
import type { Logger } from "@rciots/runtime";
import type { AcceptTarget } from "../channel/accept-streams.ts";
import type { AllowList } from "./allow-list.ts";
import { connectTarget } from "./tcp-target.ts";

const connectTimeoutMs = 10_000;

/** Connects streams to TCP ports that this device allows; undefined where it allows none. */
export function createTunnels(options: {
  allowList: AllowList;
  logger: Logger;
  resolve?: ((host: string) => Promise<string[]>) | undefined;
}): AcceptTarget<"tcp"> | undefined {
  const { allowList, logger, resolve } = options;
  const pool = createReadPool();
  if (!allowList.isOpen) return undefined;

  return async (given, signal) => {
    const { host, port } = given;
    try {
      const target = await connectTarget(given, {
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
}
