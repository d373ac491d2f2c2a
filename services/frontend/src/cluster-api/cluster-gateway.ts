import http, { type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import {
  clusterStatus,
  createStreamDuplex,
  isForwardablePath,
  requestHeaders,
  responseHeaders,
  upgradeHeaders,
  type DeviceStreams,
} from "@rciots/protocol";
import {
  AppError,
  badRequest,
  bodyFraming,
  errorMessage,
  isAppError,
  newId,
  passOn,
  passOnUpgrade,
  pickHeaders,
  requestId,
  toPublicError,
  type Bus,
  type Logger,
  type Loop,
} from "@rciots/runtime";
import type { Store } from "@rciots/store";
import type { Request, RequestHandler } from "express";
import type { Audit } from "../audit/audit.ts";
import { addressOf } from "../auth/authenticate.ts";
import { createHeldConnections, type HeldConnection } from "../auth/held-connections.ts";
import type { Identify } from "../auth/identify.ts";
import { createPatrol } from "../auth/patrol.ts";
import type { UpgradeHandler } from "../http/upgrades.ts";
import { createClusterGate, type ClusterAccess } from "./cluster-access.ts";
import { createClusterAudit, readsIntervalMs } from "./cluster-audit.ts";

/** Below it, whatever an API server has. */
export const clusterPath = "/api/v1/devices/{id}/cluster";
const aboveCluster = /^\/api\/v1\/devices\/[^/]+\/cluster/;

export interface ClusterGateway {
  /** Mounted where `clusterPath` leads to. */
  handle: RequestHandler<{ id: string }>;
  upgrade: UpgradeHandler;
  loops: { name: string; loop: Loop; intervalMs: number }[];
  /** Begins to listen to the bus. */
  start(): void;
  /** Ends what is open, and records what was read. */
  stop(): Promise<void>;
}

export interface ClusterGatewayOptions {
  store: Pick<Store, "devices" | "organizations">;
  identify: Identify;
  deviceStreams: DeviceStreams;
  audit: Audit;
  bus: Pick<Bus, "subscribe">;
  logger: Logger;
  /** The request behind a connection as express would show it. */
  requestOf: (message: IncomingMessage) => Request;
  recheckMs?: number | undefined;
}

const defaultRecheckMs = 30_000;
/** Where the store doesn't answer, one that was let in stays for so many rounds. */
const unjudgedRounds = 3;
const limits = { maxSockets: 2_000, maxSocketsOfUser: 100, maxSocketsOfOrganization: 500 };

/** Other requests are over before anybody could take them away. */
const staysOpen = /[?&](?:watch|follow)=/;

/** What clients ask for first. They show people what is wrong with it only where it is text. */
const isDiscovery = /^\/apis?(?:\?|$)/;

interface Asked {
  request: Request;
  deviceId: string;
  /** As the cluster is asked for it, with the query. */
  path: string;
  requestId: string;
  isUpgrade: boolean;
}

/** What a request opened, and when it is over. */
interface Way {
  duplex: Duplex;
  release(): void;
}

const roleChanged = new AppError({
  code: "cluster_api_not_allowed",
  status: 403,
  message: "As what you are taken by the cluster was changed; ask again.",
});

/**
 * Lets people at the API servers of devices' clusters: each request goes over a stream of its own to the agent, which
 * asks in the name of a role. Whoever has one open is judged again while it is.
 */
export function createClusterGateway(options: ClusterGatewayOptions): ClusterGateway {
  const { deviceStreams, bus, logger, requestOf, recheckMs = defaultRecheckMs } = options;
  const gate = createClusterGate(options);
  const audit = createClusterAudit(options);
  const noun = "requests to clusters";
  const connections = createHeldConnections<HeldConnection>(noun, limits);
  const patrol = createPatrol({ noun, identify: gate.identify, connections, logger, intervalMs: recheckMs });
  const open = new Set<() => void>();
  let unsubscribe: (() => void)[] = [];

  function hold(asked: Asked, access: ClusterAccess, ending: AbortController): HeldConnection {
    const { userId, organizationId } = access.caller;
    let judgedAt = performance.now();
    return {
      presented: gate.presented(asked.request),
      userId,
      organizationId,
      async judge(caller) {
        const now = await gate.judge(caller, asked.deviceId);
        if (now.role !== access.role || now.caller.organizationId !== organizationId) throw roleChanged;
        judgedAt = performance.now();
      },
      end(reason, { final }) {
        if (!final && performance.now() - judgedAt < recheckMs * unjudgedRounds) return;
        ending.abort(new AppError({ ...reason, status: 403 }));
      },
    };
  }

  async function admit(asked: Asked, ending: AbortController): Promise<Way> {
    const { request, deviceId, path, isUpgrade } = asked;
    const presented = gate.presented(request);
    const access = await gate.judge(await gate.identify(presented), deviceId);
    if (request.method === "CONNECT" || !isForwardablePath(path))
      throw badRequest({ code: "path_invalid", message: "The path is not one of an API server." });
    const connection = hold(asked, access, ending);
    connections.add(connection);
    const release = (): void => connections.remove(connection);
    try {
      // What was taken away before it was among the connections, no hint has told it.
      if (isUpgrade || staysOpen.test(path)) await connection.judge(await gate.identify(presented));
      const context = { address: addressOf(request), requestId: asked.requestId };
      await audit.note({ access, context, method: request.method, path, isUpgrade });
      const { organizationId, username } = access.caller;
      const account = username.replace(/[^\x21-\x7e]/g, "_").slice(0, 200);
      const stream = await deviceStreams.open(
        { organizationId, deviceId },
        { kind: "cluster-api", role: access.role, account },
        ending.signal,
      );
      const duplex = createStreamDuplex(stream);
      duplex.on("error", (error) => logger.debug({ error: error.message }, "stream to a cluster broke"));
      ending.signal.addEventListener("abort", () => duplex.destroy());
      return { duplex, release };
    } catch (error) {
      release();
      throw error;
    }
  }

  function ask({ request, path }: Asked, duplex: Duplex, headers: http.OutgoingHttpHeaders) {
    return http.request({
      createConnection: () => duplex,
      method: request.method,
      path,
      headers: { host: "cluster", ...headers },
    });
  }

  async function serve(asked: Asked, run: (ending: AbortController) => Promise<void>): Promise<void> {
    const ending = new AbortController();
    const cut = (): void => ending.abort(new AppError({ code: "closed", status: 499, message: "Over." }));
    open.add(cut);
    asked.request.socket.once("close", cut);
    try {
      await run(ending);
    } finally {
      open.delete(cut);
      asked.request.socket.off("close", cut);
    }
  }

  function refusalOf(
    error: unknown,
    { requestId: id, path }: Asked,
  ): { status: number; headers: string[][]; body: string } {
    const told = toPublicError(error);
    if (!isAppError(error))
      logger.error({ requestId: id, error: errorMessage(error) }, "cluster request failed");
    // Of a conflict kubectl says no more than that there is one; that a device can't be asked is a gateway's fault.
    const status = isAppError(error) && told.status !== 409 ? told.status : 502;
    const retryAfterMs = told.details?.["retryAfterMs"];
    return {
      status,
      headers: [
        ["content-type", isDiscovery.test(path) ? "text/plain; charset=utf-8" : "application/json"],
        ["x-request-id", id],
        ...(typeof retryAfterMs === "number"
          ? [["retry-after", String(Math.ceil(retryAfterMs / 1_000))]]
          : []),
        ...(status === 401 ? [["www-authenticate", "Bearer"]] : []),
      ],
      body: isDiscovery.test(path) ? told.message : clusterStatus({ ...told, status }),
    };
  }

  return {
    handle(request, response) {
      const id = requestId(response);
      const { url: path, params } = request;
      const asked = {
        request: request as Request,
        deviceId: params.id,
        path,
        requestId: id,
        isUpgrade: false,
      };
      serve(asked, async (ending) => {
        const { duplex, release } = await admit(asked, ending);
        response.once("close", release);
        const headers = { ...pickHeaders(request.headers, requestHeaders), ...bodyFraming(request) };
        await passOn(request, response, ask(asked, duplex, headers), [responseHeaders]);
      }).catch((error: unknown) => {
        if (response.headersSent) return response.destroy();
        const { status, headers, body } = refusalOf(error, asked);
        for (const [name = "", value = ""] of headers) response.setHeader(name, value);
        response.writeHead(status).end(body);
      });
    },
    upgrade(message, socket, head, params) {
      const request = requestOf(message);
      const id = newId("req");
      const path = (message.url ?? "").replace(aboveCluster, "");
      const asked = { request, deviceId: params["id"] ?? "", path, requestId: id, isUpgrade: true };
      serve(asked, async (ending) => {
        const { duplex, release } = await admit(asked, ending);
        socket.once("close", release);
        const headers = pickHeaders(message.headers, requestHeaders, upgradeHeaders);
        const outgoing = ask(asked, duplex, { ...headers, connection: "Upgrade" });
        await passOnUpgrade({ socket, head }, outgoing, [responseHeaders, upgradeHeaders]);
      }).catch((error: unknown) => {
        const { status, headers, body } = refusalOf(error, asked);
        const lines = [
          ...headers,
          ["content-length", String(Buffer.byteLength(body))],
          ["connection", "close"],
        ];
        const text = lines.map((line) => `${line.join(": ")}\r\n`).join("");
        socket.end(`HTTP/1.1 ${status} Refused\r\n${text}\r\n${body}`);
      });
    },
    loops: [
      { name: noun, loop: patrol.loop, intervalMs: recheckMs },
      { name: "reads of clusters", loop: audit.loop, intervalMs: readsIntervalMs },
    ],
    start() {
      unsubscribe = [
        bus.subscribe("organization:changed", ({ organizationId }) => {
          void patrol.judge([...connections.ofOrganization(organizationId)]);
        }),
        bus.subscribe("account:changed", ({ userId }) => void patrol.judge([...connections.ofUser(userId)])),
      ];
    },
    async stop() {
      for (const end of unsubscribe) end();
      for (const cut of open) cut();
      await audit.flush();
    },
  };
}
