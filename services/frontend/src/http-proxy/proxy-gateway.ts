import http, { type IncomingMessage, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { DeviceStreams } from "@rciots/protocol";
import {
  AppError,
  bodyFraming,
  errorMessage,
  forbidden,
  isAppError,
  passOn,
  passOnUpgrade,
  toPublicError,
  type Bus,
  type Logger,
  type Loop,
} from "@rciots/runtime";
import type { ConnectionLog, Store } from "@rciots/store";
import type { Request } from "express";
import type { Audit } from "../audit/audit.ts";
import { addressOf } from "../auth/authenticate.ts";
import { createHeldConnections, type HeldConnection } from "../auth/held-connections.ts";
import type { Identify } from "../auth/identify.ts";
import { createPatrol } from "../auth/patrol.ts";
import { requestIdOf } from "../http/socket-admission.ts";
import { createProxyDoor, enterPath, ownPath, type ProxyVisit } from "./proxy-door.ts";
import { answerHeaders, isForeign, requestHeaders, upgradeHeaders } from "./proxy-headers.ts";
import { pageHeaders, pageText, type ProxyPage } from "./proxy-page.ts";
import type { ProxySite } from "./proxy-site.ts";
import { openTarget, type TargetConnection } from "./proxy-target.ts";
import { createProxyUsage, usageIntervalMs } from "./proxy-usage.ts";
import { createProxyVisits, type VisitRequest } from "./proxy-visits.ts";

export interface ProxyGateway {
  /** Whether a request is for a web tunnel's name. */
  takes(message: IncomingMessage): boolean;
  handle(message: IncomingMessage, response: ServerResponse): void;
  upgrade(message: IncomingMessage, socket: Duplex, head: Buffer): void;
  loops: { name: string; loop: Loop; intervalMs: number }[];
  start(): void;
  stop(): Promise<void>;
}

export interface ProxyGatewayOptions {
  store: Pick<Store, "webTunnels" | "devices">;
  identify: Identify;
  deviceStreams: DeviceStreams;
  site: ProxySite;
  audit: Audit;
  connections: Pick<ConnectionLog, "begin">;
  bus: Pick<Bus, "subscribe">;
  logger: Logger;
  /** The request behind a connection as express would show it. */
  requestOf: (message: IncomingMessage) => Request;
  recheckMs?: number | undefined;
}

interface Connection extends HeldConnection {
  deviceId: string;
}

interface Asked {
  message: IncomingMessage;
  label: string;
  address: string;
  requestId: string;
}

const defaultRecheckMs = 30_000;
const unjudgedRounds = 3;
const limits = { maxSockets: 4_000, maxSocketsOfUser: 400, maxSocketsOfOrganization: 1_000 };
/** Until the server behind begins to answer, and while nothing moves. */
const silenceMs = 120_000;
const maxBodyBytes = 2 * 1_073_741_824;

const tooSlow = new AppError({
  code: "target_silent",
  status: 504,
  message: "The device's web server says nothing.",
});

/** Lets browsers at web servers of devices, each at a name of its own, behind the console's sign-in. */
export function createProxyGateway(options: ProxyGatewayOptions): ProxyGateway {
  const { deviceStreams, site, audit, bus, logger, requestOf, recheckMs = defaultRecheckMs } = options;
  const door = createProxyDoor(options);
  const usage = createProxyUsage(options);
  const visits = createProxyVisits(options);
  const noun = "requests to devices' web servers";
  const connections = createHeldConnections<Connection>(noun, limits);
  const patrol = createPatrol({
    noun,
    identify: options.identify,
    connections,
    logger,
    intervalMs: recheckMs,
  });
  const open = new Set<AbortController>();
  let unsubscribe: (() => void)[] = [];

  const askedOf = (message: IncomingMessage): Asked => ({
    message,
    label: site.labelOf(message.headers.host) ?? "",
    address: addressOf(requestOf(message)),
    requestId: requestIdOf(message),
  });

  function hold(
    { label }: Asked,
    { presented, caller, tunnel }: ProxyVisit,
    ending: AbortController,
  ): Connection {
    let judgedAt = performance.now();
    return {
      presented,
      userId: caller.userId,
      organizationId: tunnel.organizationId,
      deviceId: tunnel.deviceId,
      async judge(now) {
        await door.judge(label, now);
        judgedAt = performance.now();
      },
      end(reason, { final }) {
        if (final || performance.now() - judgedAt > recheckMs * unjudgedRounds)
          ending.abort(new AppError(reason));
      },
    };
  }

  /** Cuts what stands still; nobody would see its end. */
  function watch({ stream }: TargetConnection, ending: AbortController): () => void {
    let moved = -1;
    const timer = setTimeout(function look() {
      const now = stream.sentBytes + stream.receivedBytes;
      if (now === moved) return ending.abort(tooSlow);
      moved = now;
      timer.refresh();
    }, silenceMs);
    return () => clearTimeout(timer);
  }

  async function reach(
    { tunnel }: ProxyVisit,
    noted: VisitRequest,
    signal: AbortSignal,
  ): Promise<TargetConnection> {
    try {
      return await openTarget(deviceStreams, tunnel, signal);
    } catch (error) {
      noted.refused(signal.aborted ? signal.reason : error);
      throw error;
    }
  }

  /** Opens the way for one request, and closes it with whatever it is for. */
  async function serve(
    asked: Asked,
    isUpgrade: boolean,
    run: (way: TargetConnection, visit: ProxyVisit) => Promise<void>,
  ): Promise<void> {
    const { message, label, address } = asked;
    if (isForeign(message, site.originOf(label))) {
      throw forbidden({ code: "foreign_origin", message: "The request comes from a page of another site." });
    }
    const visit = await door.visit(message, label, address);
    const ending = new AbortController();
    const noted = visits.begin(visit, { message, address, isUpgrade });
    const connection = hold(asked, visit, ending);
    connections.add(connection);
    open.add(ending);
    const cut = (): void =>
      ending.abort(new AppError({ code: "client_gone", status: 499, message: "Gone." }));
    message.socket.once("close", cut);
    const ends: (() => void)[] = [];
    try {
      const way = await reach(visit, noted, ending.signal);
      ends.push(usage.begin(visit.tunnel, way.stream), noted.opened(way.stream));
      // A WebSocket may say nothing for hours.
      if (!isUpgrade) ends.push(watch(way, ending));
      ending.signal.addEventListener("abort", () => way.duplex.destroy(), { once: true });
      ending.signal.throwIfAborted();
      await run(way, visit);
    } catch (error) {
      throw ending.signal.aborted ? ending.signal.reason : error;
    } finally {
      for (const end of ends) end();
      message.socket.off("close", cut);
      connections.remove(connection);
      open.delete(ending);
    }
  }

  function ask(
    asked: Asked,
    { duplex }: TargetConnection,
    { tunnel }: ProxyVisit,
    more: http.OutgoingHttpHeaders,
  ) {
    const { message, label, address } = asked;
    const origin = site.originOf(label);
    return http.request({
      createConnection: () => duplex,
      method: message.method,
      path: message.url,
      headers: {
        ...requestHeaders(message.headers, tunnel, { origin, address }),
        connection: "close",
        ...more,
      },
    });
  }

  function refuseLargeBody(message: IncomingMessage): void {
    const tooLarge = new AppError({
      code: "body_too_large",
      status: 413,
      message: `More than ${maxBodyBytes / 1_073_741_824} GiB can't be sent through here.`,
    });
    if (Number(message.headers["content-length"] ?? 0) > maxBodyBytes) throw tooLarge;
    let bytes = 0;
    message.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxBodyBytes) message.destroy(tooLarge);
    });
    // Nothing flows before it is sent on.
    message.pause();
  }

  const isVisit = ({ method, headers }: IncomingMessage): boolean =>
    (method === "GET" || method === "HEAD") && (headers.accept ?? "").includes("text/html");

  function pageOf(error: unknown, { label, requestId }: Asked): ProxyPage {
    const { status, message } = toPublicError(error);
    const isOurs = status < 500 && status !== 409;
    const titles: Record<number, string> = {
      401: "Sign in first",
      403: "You may not open this page",
      404: "There is no such page here",
    };
    const title = titles[status] ?? "The device's page can't be shown";
    const text = isOurs ? "Go to the console" : "Try again";
    const href = isOurs ? site.consoleUrl() : `${site.originOf(label)}/`;
    return { status, title, message, requestId, link: { href, text } };
  }

  function refuse(response: ServerResponse, asked: Asked, error: unknown): void {
    const { message, label, requestId } = asked;
    const { status } = toPublicError(error);
    if (!isAppError(error))
      logger.warn({ requestId, error: errorMessage(error) }, "web tunnel request failed");
    if (response.headersSent || response.destroyed) return void response.destroy();
    if (status === 401 && isVisit(message) && !(message.url ?? "").startsWith(ownPath)) {
      const { location, cookie } = door.invite(message, label);
      const headers = { location, "set-cookie": cookie, "cache-control": "no-store" };
      return void response.writeHead(302, headers).end();
    }
    const page = pageOf(isAppError(error) ? error : brokenOff(error), asked);
    const body = isVisit(message) ? pageText(page) : `${page.message}\n`;
    const type = isVisit(message) ? {} : { "content-type": "text/plain; charset=utf-8" };
    // What was not read of a body would be taken for the next request.
    response.writeHead(page.status, {
      ...pageHeaders,
      ...type,
      "x-request-id": requestId,
      connection: "close",
    });
    response.end(body);
  }

  async function answerOwn(asked: Asked, response: ServerResponse): Promise<void> {
    const { message, label, address, requestId } = asked;
    if (message.method !== "GET" || !(message.url ?? "").startsWith(`${enterPath}?`)) {
      throw new AppError({
        code: "unknown_route",
        status: 404,
        message: "There is nothing at this address.",
      });
    }
    const { caller, tunnel, cookie, location } = await door.enter(message, label, address);
    await audit.record(
      { caller, context: { address, requestId } },
      {
        organizationId: tunnel.organizationId,
        deviceId: tunnel.deviceId,
        kind: "web-tunnel.entered",
        message: `The web tunnel ${label} was opened in a browser.`,
        details: { webTunnelId: tunnel._id, label, target: tunnel.target },
      },
    );
    const headers = {
      location,
      "set-cookie": cookie,
      "cache-control": "no-store",
      "referrer-policy": "no-referrer",
    };
    response.writeHead(303, headers).end();
  }

  async function answer(asked: Asked, response: ServerResponse): Promise<void> {
    const { message, label } = asked;
    if ((message.url ?? "").startsWith(ownPath)) return answerOwn(asked, response);
    const origin = site.originOf(label);
    await serve(asked, false, async (way, visit) => {
      refuseLargeBody(message);
      const outgoing = ask(asked, way, visit, bodyFraming(message));
      await passOn(message, response, outgoing, (headers) =>
        answerHeaders(headers, visit.tunnel, { origin }),
      );
    });
  }

  return {
    takes: (message) => site.labelOf(message.headers.host) !== undefined,
    handle(message, response) {
      const asked = askedOf(message);
      answer(asked, response).catch((error: unknown) => refuse(response, asked, error));
    },
    upgrade(message, socket, head) {
      const asked = askedOf(message);
      const origin = site.originOf(asked.label);
      serve(asked, true, async (way, visit) => {
        const outgoing = ask(asked, way, visit, upgradeHeaders(message.headers));
        await passOnUpgrade({ socket, head }, outgoing, (headers) => ({
          ...answerHeaders(headers, visit.tunnel, { origin }),
          ...upgradeHeaders(headers),
        }));
      }).catch((error: unknown) => {
        const { status, message: text } = toPublicError(isAppError(error) ? error : brokenOff(error));
        const headers = `content-type: text/plain\r\ncontent-length: ${Buffer.byteLength(text)}\r\nconnection: close`;
        if (socket.writable) socket.end(`HTTP/1.1 ${status} Refused\r\n${headers}\r\n\r\n${text}`);
        else socket.destroy();
      });
    },
    loops: [
      { name: noun, loop: patrol.loop, intervalMs: recheckMs },
      { name: "usage of web tunnels", loop: usage.loop, intervalMs: usageIntervalMs },
    ],
    start() {
      const judge = (which: Iterable<Connection>): void => void patrol.judge([...which]);
      unsubscribe = [
        bus.subscribe("organization:changed", ({ organizationId }) =>
          judge(connections.ofOrganization(organizationId)),
        ),
        bus.subscribe("account:changed", ({ userId }) => judge(connections.ofUser(userId))),
        bus.subscribe("device:access-changed", ({ organizationId, deviceId }) =>
          judge([...connections.ofOrganization(organizationId)].filter((one) => one.deviceId === deviceId)),
        ),
      ];
    },
    async stop() {
      for (const end of unsubscribe) end();
      for (const ending of open)
        ending.abort(
          new AppError({ code: "service_restarting", status: 503, message: "The service restarts." }),
        );
      await usage.flush().catch((error: unknown) => {
        logger.warn({ error: errorMessage(error) }, "usage of web tunnels not written");
      });
    },
  };
}

/** Whatever goes wrong between here and the server behind. */
function brokenOff(error: unknown): AppError {
  return new AppError({
    code: "target_broke_off",
    status: 502,
    message: "The device's web server gave no answer that could be understood, or broke it off.",
    cause: error,
  });
}
