import { idField } from "@rciots/protocol";
import {
  forbidden,
  isAppError,
  errorMessage,
  toPublicError,
  unauthorized,
  validate,
  type Bus,
  type Logger,
  type Loop,
} from "@rciots/runtime";
import type { Request } from "express";
import { createServer, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { Server, type Socket } from "socket.io";
import { z } from "zod";
import { addressOf, present } from "../auth/authenticate.ts";
import type { Identify, Presented } from "../auth/identify.ts";
import { checkOrigin, readSessionCookie } from "../auth/session-cookie.ts";
import { refuseUpgrade, type UpgradeHandler } from "../http/upgrades.ts";
import { createHeldConnections } from "../auth/held-connections.ts";
import { createPatrol } from "../auth/patrol.ts";
import { createChangeCollector, noChanges, type LiveChanges } from "./live-changes.ts";
import { requireReader, type LiveConnection } from "./live-connection.ts";

export const livePath = "/api/v1/live";

export interface LiveSettings {
  /** An organisation's hints go together; at most one message in this time. */
  coalesceMs: number;
  /** Who is connected is judged again this often. */
  recheckMs: number;
  maxSockets: number;
  maxSocketsOfUser: number;
  /** A reader that lets more messages wait is dropped. */
  maxQueuedMessages: number;
}

const defaultSettings: LiveSettings = {
  coalesceMs: 250,
  recheckMs: 30_000,
  maxSockets: 2_000,
  maxSocketsOfUser: 20,
  maxQueuedMessages: 16,
};
/** A connection that says nothing within this time is closed. */
const handshakeTimeoutMs = 10_000;
/** Clients send a handshake and pongs, nothing else. */
const maxMessageBytes = 4_096;
const pingIntervalMs = 20_000;
const pingTimeoutMs = 20_000;

const moved = {
  code: "organization_moved",
  status: 403,
  message: "You belong to other organisations now.",
};

const handshake = z.strictObject({
  token: z.string().min(1).max(512).optional(),
  organizationId: idField("org").optional(),
});

export interface LiveGateway {
  upgrade: UpgradeHandler;
  loop: Loop;
  recheckMs: number;
  /** Begins to listen to the bus. */
  start(): void;
  /** Ends the connections; browsers come back by themselves. */
  stop(): Promise<void>;
}

export interface LiveGatewayOptions {
  identify: Identify;
  bus: Bus;
  logger: Logger;
  /** Origins of the console. */
  publicOrigins: readonly string[];
  /** The request behind a connection as express would show it. */
  requestOf: (message: IncomingMessage) => Request;
  settings?: Partial<LiveSettings> | undefined;
}

function createSocketServer(): Server {
  return new Server({
    path: livePath,
    transports: ["websocket"],
    allowUpgrades: false,
    serveClient: false,
    perMessageDeflate: false,
    httpCompression: false,
    maxHttpBufferSize: maxMessageBytes,
    connectTimeout: handshakeTimeoutMs,
    pingInterval: pingIntervalMs,
    pingTimeout: pingTimeoutMs,
  });
}

/** socket.io hands `data` to the client that is refused. */
function refusalOf(error: unknown): Error & { data: object } {
  const { code, status, message, details } = toPublicError(error);
  return Object.assign(new Error(code), { data: { ...details, code, status, message } });
}

/**
 * Tells browsers what changed, so that they fetch it again: hints alone, of the organisation that the connection
 * was let in for. Losing one costs a view its freshness until the next.
 */
export function createLiveGateway(options: LiveGatewayOptions): LiveGateway {
  const { identify, bus, logger, publicOrigins, requestOf } = options;
  const settings = { ...defaultSettings, ...options.settings };
  const noun = "live connections";
  const connections = createHeldConnections<LiveConnection>(noun, settings);
  const patrol = createPatrol({ noun, identify, connections, logger, intervalMs: settings.recheckMs });
  const io = createSocketServer();
  // The engine listens to a server of its own, so that it takes no request from the API's.
  const inner = createServer();
  io.attach(inner);
  const open = new Set<Duplex>();
  let unsubscribe: (() => void)[] = [];

  /** The session cookie speaks only for pages of our own: a WebSocket may be opened from any site. */
  function presentedBy(socket: Socket): Presented {
    const { token, organizationId } = validate(handshake, socket.handshake.auth, "handshake");
    const request = requestOf(socket.request);
    const where = { organizationId, address: addressOf(request) };
    if (token !== undefined) return present({ token, kind: "bearer" }, where);
    const cookie = readSessionCookie(socket.request.headers.cookie);
    if (cookie === undefined || cookie === "") {
      throw unauthorized({ message: "Sign in, or give a session or API token as auth.token." });
    }
    checkOrigin(request, publicOrigins);
    return present({ token: cookie, kind: "cookie" }, where);
  }

  function connectionOf(
    socket: Socket,
    presented: Presented,
    caller: ReturnType<typeof requireReader>,
  ): LiveConnection {
    const { conn } = socket;
    // Since the transport last took what waited; it takes nothing while the peer doesn't read.
    let queued = 0;
    conn.on("drain", () => (queued = 0));
    return {
      presented,
      userId: caller.userId,
      organizationId: caller.organizationId,
      role: caller.role,
      judge(now) {
        const { organizationId, role } = requireReader(now);
        // Of somebody who named none, the first organisation may be another one now.
        if (organizationId !== this.organizationId) return this.end(moved, { final: false });
        if (role === this.role) return;
        this.role = role;
        this.send("changes", { ...noChanges, account: true } satisfies LiveChanges);
      },
      send(event, message) {
        if (queued >= settings.maxQueuedMessages) return false;
        queued += 1;
        socket.emit(event, message);
        return true;
      },
      end({ code, message }, { final }) {
        connections.remove(this);
        // Where it can't be judged, whoever may come in finds the way back alone.
        if (!final) return void conn.close();
        socket.emit("ended", { code, message });
        socket.disconnect(true);
      },
      cut: () => socket.request.socket.destroy(),
    };
  }

  async function admit(socket: Socket): Promise<void> {
    const presented = presentedBy(socket);
    const caller = requireReader(await identify(presented));
    const { conn } = socket;
    if (conn.readyState !== "open") throw forbidden({ message: "The connection is gone." });
    const connection = connectionOf(socket, presented, caller);
    connections.add(connection);
    conn.once("close", () => connections.remove(connection));
  }

  io.use((socket, next) => {
    admit(socket).then(
      () => next(),
      (error: unknown) => {
        if (!isAppError(error)) logger.error({ error: errorMessage(error) }, "live connection failed");
        next(refusalOf(error));
        // socket.io writes the refusal in a later tick.
        setImmediate(() => socket.conn.close());
      },
    );
  });
  io.on("connection", (socket) => {
    // There is nothing to say here.
    socket.onAny(() => socket.disconnect(true));
  });

  const collector = createChangeCollector({
    intervalMs: settings.coalesceMs,
    isWatched: (organizationId) => connections.ofOrganization(organizationId).size > 0,
    send(organizationId, changes: LiveChanges) {
      for (const connection of connections.ofOrganization(organizationId)) {
        if (!connection.send("changes", changes)) connection.cut();
      }
    },
  });

  function subscribe(): (() => void)[] {
    const judge = (which: ReadonlySet<LiveConnection>): void => void patrol.judge([...which]);
    return [
      bus.subscribe("device:updated", ({ organizationId, deviceIds }) =>
        collector.note(organizationId, { devices: deviceIds }),
      ),
      bus.subscribe("template:changed", ({ organizationId, templateId }) =>
        collector.note(organizationId, { templates: [templateId] }),
      ),
      bus.subscribe("command:changed", ({ organizationId, runIds }) =>
        collector.note(organizationId, { commandRuns: runIds }),
      ),
      bus.subscribe("event:added", ({ organizationId, kinds }) => collector.note(organizationId, { kinds })),
      bus.subscribe("organization:changed", ({ organizationId }) => {
        collector.note(organizationId, { account: true });
        judge(connections.ofOrganization(organizationId));
      }),
      bus.subscribe("account:changed", ({ userId }) => judge(connections.ofUser(userId))),
    ];
  }

  return {
    loop: patrol.loop,
    recheckMs: settings.recheckMs,
    upgrade(request, socket, head) {
      if (io.engine.clientsCount >= settings.maxSockets) {
        return refuseUpgrade(socket, "503 Service Unavailable");
      }
      open.add(socket);
      socket.once("close", () => open.delete(socket));
      inner.emit("upgrade", request, socket, head);
    },
    start() {
      unsubscribe = subscribe();
    },
    async stop() {
      for (const end of unsubscribe) end();
      collector.stop();
      await io.close();
      // A peer that doesn't answer the goodbye must not keep the server.
      for (const socket of open) socket.destroy();
    },
  };
}
