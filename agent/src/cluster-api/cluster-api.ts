import { createServer, type IncomingMessage, type Server } from "node:http";
import {
  clusterStatus,
  createStreamDuplex,
  faultError,
  isClusterRoleWithin,
  isForwardablePath,
  type ByteStream,
  type ClusterApiTarget,
  type ClusterRole,
} from "@rciots/protocol";
import { badRequest, toPublicError, type Logger } from "@rciots/runtime";
import type { AcceptTarget } from "../channel/accept-streams.ts";
import type { ApiForward, ApiIdentity } from "../kube/api-forward.ts";

/** The most that whoever asks through the platform may be on this device's cluster. */
export type ClusterApiLimit = "off" | ClusterRole;

export interface ClusterApiOptions {
  limit: ClusterApiLimit;
  /** Undefined while the device has no cluster. */
  forward: () => ApiForward | undefined;
  logger: Logger;
}

const maxStreams = 128;
const maxHeaderBytes = 16_384;

/**
 * Connects streams to the API server of this device's cluster; undefined where that is switched off. HTTP ends here:
 * what goes on is a new request, with the agent's credentials and the identity that the stream was opened with.
 */
export function createClusterApi({
  limit,
  forward,
  logger,
}: ClusterApiOptions): AcceptTarget<"cluster-api"> | undefined {
  if (limit === "off") return undefined;
  let open = 0;

  function check({ role }: ClusterApiTarget): ApiForward {
    if (!isClusterRoleWithin(role, limit as ClusterRole)) {
      const message = `The device allows at most ${limit} on its cluster (its --cluster-api), not ${role}.`;
      throw faultError({ code: "target_not_allowed", message });
    }
    const to = forward();
    if (to === undefined)
      throw faultError({ code: "target_unreachable", message: "The device has no cluster." });
    if (open >= maxStreams)
      throw faultError({ code: "too_many_streams", message: "The device answers as many as it can take." });
    return to;
  }

  return async (target) => {
    const to = check(target);
    const identity = identityOf(target);
    return (stream: ByteStream) => {
      open += 1;
      const duplex = createStreamDuplex(stream);
      duplex.once("close", () => (open -= 1));
      duplex.on("error", (error) => logger.debug({ error: error.message }, "cluster API stream broke"));
      serverOf(to, identity, logger).emit("connection", duplex);
    };
  };
}

/** One user and one group for each role: a cluster can bound by name what the agent may claim to be. */
const identityOf = ({ role, account }: ClusterApiTarget): ApiIdentity => ({
  user: `rciots:${role}`,
  group: `rciots:${role}`,
  account,
});

function serverOf(to: ApiForward, identity: ApiIdentity, logger: Logger): Server {
  const server = createServer({ maxHeaderSize: maxHeaderBytes }, (request, response) => {
    attempt(async () => {
      checkPath(request);
      await to.request(request, response, identity);
    }).catch((error: unknown) => {
      logger.info({ path: pathOf(request), error: String(error) }, "cluster API request failed");
      if (response.headersSent) return response.destroy();
      const { status, body } = statusOf(error);
      response.writeHead(status, { "content-type": "application/json" }).end(body);
    });
  });
  server.on("upgrade", (request, socket, head) => {
    attempt(async () => {
      checkPath(request);
      await to.upgrade(request, { socket, head }, identity);
    }).catch((error: unknown) => {
      logger.info({ path: pathOf(request), error: String(error) }, "cluster API upgrade failed");
      const { status, body } = statusOf(error);
      const length = Buffer.byteLength(body);
      socket.end(
        `HTTP/1.1 ${status} Refused\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\nconnection: close\r\n\r\n${body}`,
      );
    });
  });
  return server;
}

const attempt = async (run: () => Promise<void>): Promise<void> => run();
const pathOf = ({ url = "" }: IncomingMessage): string => url.split("?", 1)[0] ?? "";

function checkPath({ url = "", method }: IncomingMessage): void {
  if (method === "CONNECT" || !isForwardablePath(url))
    throw badRequest({ code: "path_invalid", message: "The path is not one of an API server." });
}

function statusOf(error: unknown): { status: number; body: string } {
  const told = toPublicError(error);
  return { status: told.status, body: clusterStatus(told) };
}
