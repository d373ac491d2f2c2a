import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { AppError, createLoop, errorMessage, isAppError, sleep, type Bus } from "@rciots/runtime";
import type { Logger, Loop } from "@rciots/runtime";
import type { Request } from "express";
import { WebSocketServer, type WebSocket } from "ws";
import type { Audit } from "../audit/audit.ts";
import { createHeldConnections, type ConnectionLimits } from "../auth/held-connections.ts";
import type { Identify } from "../auth/identify.ts";
import { createPatrol } from "../auth/patrol.ts";
import type { Route } from "./route.ts";
import { createHeldSocket, goodbyeMs, type SocketLimits } from "./route-socket.ts";
import { createSocketAdmission, requestIdOf } from "./socket-admission.ts";
import { createSocketConnection, type SocketConnection } from "./socket-connection.ts";
import { tellPage, writeProblem, type UpgradeRequest } from "./socket-refusal.ts";
import type { PreparedSocket, SocketPart } from "./socket-route.ts";
import { refuseUpgrade, type Upgrades } from "./upgrades.ts";

export interface SocketSettings extends Required<ConnectionLimits>, SocketLimits {
  /** Who has one open is judged again this often. */
  recheckMs: number;
  /** A peer that has said nothing for one to two of these is cut. */
  pingMs: number;
}

const defaultSettings: SocketSettings = {
  maxSockets: 2_000,
  maxSocketsOfUser: 100,
  maxSocketsOfOrganization: 500,
  fullBytes: 262_144,
  maxQueuedBytes: 8 * 1_048_576,
  recheckMs: 30_000,
  pingMs: 12_000,
};

export interface SocketGateway {
  mount(upgrades: Upgrades): void;
  loops: { name: string; loop: Loop; intervalMs: number }[];
  /** Begins to listen to the bus. */
  start(): void;
  /** Ends them all, and awaits what is left to do for them. */
  stop(): Promise<void>;
}

export interface SocketGatewayOptions {
  routes: readonly Route[];
  identify: Identify;
  audit: Audit;
  bus: Pick<Bus, "subscribe">;
  logger: Logger;
  /** Origins of the console. */
  publicOrigins: readonly string[];
  /** The request behind a connection as express would show it. */
  requestOf: (message: IncomingMessage) => Request;
  settings?: Partial<SocketSettings> | undefined;
}

const clientGone = new AppError({
  code: "client_gone",
  status: 499,
  message: "The caller did not wait for the answer.",
});

/** Lets WebSockets of the API in, judges them again while they are open, and ends them. */
export function createSocketGateway(options: SocketGatewayOptions): SocketGateway {
  const { identify, audit, bus, logger } = options;
  const settings = { ...defaultSettings, ...options.settings };
  const noun = "WebSockets";
  const connections = createHeldConnections<SocketConnection>(noun, settings);
  const patrol = createPatrol({ noun, identify, connections, logger, intervalMs: settings.recheckMs });
  const admission = createSocketAdmission(options);
  /** Asked for, refused or open. */
  const open = new Set<Duplex>();
  const running = new Set<Promise<void>>();
  let unsubscribe: (() => void)[] = [];

  const pings = createLoop({
    name: "pings of WebSockets",
    intervalMs: settings.pingMs,
    async step() {
      for (const { held } of connections.all()) held?.checkAlive();
    },
    logger,
  });

  function handOver(part: SocketPart, { request, socket, head }: UpgradeRequest): Promise<WebSocket> {
    const server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: part.maxMessageBytes,
    });
    return new Promise((resolve, reject) => {
      socket.once("close", () => reject(clientGone));
      server.handleUpgrade(request, socket, head, resolve);
    });
  }

  async function run(connection: SocketConnection, prepared: PreparedSocket, ws: WebSocket, upgrade: Given) {
    const { request, requestId } = upgrade;
    const held = createHeldSocket({
      ws,
      connection: request.socket,
      requestId,
      limits: settings,
      logger,
    });
    connection.letIn(held);
    try {
      await prepared.run(held.api);
      held.api.close();
    } catch (error) {
      if (!isAppError(error)) logger.error({ requestId, err: error }, "WebSocket failed");
      held.api.fail(error);
    }
  }

  async function admit(route: Route, part: SocketPart, upgrade: Given): Promise<void> {
    const { socket, requestId } = upgrade;
    const call = await admission.callOf(route, part, upgrade, requestId);
    const { presented, caller, context } = call;
    const judge = (now: Parameters<typeof admission.requireMember>[1]) =>
      call.prepare(admission.requireMember(route, now));
    const connection = createSocketConnection({ presented, caller, judge, recheckMs: settings.recheckMs });
    connections.add(connection);
    socket.once("close", () => connections.remove(connection));
    try {
      // Among the connections from here on. What was taken away before, no hint tells.
      const prepared = await judge(await identify(presented));
      connection.deviceId = prepared.opening.deviceId;
      await audit.record({ caller, context }, { ...prepared.opening, organizationId: caller.organizationId });
      connection.signal.throwIfAborted();
      if (socket.destroyed) throw clientGone;
      const work = run(connection, prepared, await handOver(part, upgrade), upgrade);
      running.add(work);
      void work.finally(() => running.delete(work));
    } catch (error) {
      connections.remove(connection);
      throw error;
    }
  }

  function refuse(upgrade: Given, error: unknown): void {
    const { request, socket, requestId } = upgrade;
    if (!isAppError(error)) logger.error({ requestId, err: error }, "WebSocket could not be opened");
    else logger.info({ requestId, code: error.code, error: errorMessage(error) }, "WebSocket refused");
    if (admission.isOwnPage(request)) tellPage(upgrade, error, requestId);
    else writeProblem(socket, error, requestId);
  }

  function take(route: Route, part: SocketPart, upgrade: UpgradeRequest): void {
    const { socket, request } = upgrade;
    // Twice: those that are refused take a moment too.
    if (open.size >= 2 * settings.maxSockets) return refuseUpgrade(socket, "503 Service Unavailable");
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    const given = { ...upgrade, requestId: requestIdOf(request) };
    admit(route, part, given).catch((error: unknown) => refuse(given, error));
  }

  function subscribe(): (() => void)[] {
    const judge = (which: Iterable<SocketConnection>): void => void patrol.judge([...which]);
    return [
      bus.subscribe("organization:changed", ({ organizationId }) =>
        judge(connections.ofOrganization(organizationId)),
      ),
      bus.subscribe("account:changed", ({ userId }) => judge(connections.ofUser(userId))),
      bus.subscribe("device:access-changed", ({ organizationId, deviceId }) => {
        const ofOrganization = [...connections.ofOrganization(organizationId)];
        judge(ofOrganization.filter((connection) => connection.deviceId === deviceId));
      }),
    ];
  }

  return {
    mount(upgrades) {
      for (const route of options.routes) {
        const part = route.socket;
        if (part === undefined) continue;
        upgrades.route(`/api/v1${route.path}`, (request, socket, head, params) =>
          take(route, part, { request, socket, head, params }),
        );
      }
    },
    loops: [
      { name: noun, loop: patrol.loop, intervalMs: settings.recheckMs },
      { name: "pings of WebSockets", loop: pings, intervalMs: settings.pingMs },
    ],
    start() {
      unsubscribe = subscribe();
    },
    async stop() {
      for (const end of unsubscribe) end();
      for (const connection of connections.all()) connection.stop();
      const settled = Promise.allSettled(running);
      const enough = new AbortController();
      await Promise.race([settled, sleep(goodbyeMs, enough.signal)]);
      enough.abort();
      for (const socket of open) socket.destroy();
      await settled;
    },
  };
}

interface Given extends UpgradeRequest {
  request: IncomingMessage & { socket: Socket };
  requestId: string;
}
