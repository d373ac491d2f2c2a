import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";

export type UpgradeHandler = (
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  /** What stands in the path's `{...}`, decoded. */
  params: Record<string, string>,
) => void;

type Interceptor = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

export interface Upgrades {
  /**
   * Who takes the WebSockets of a path, such as `/api/v1/live` or `/api/v1/devices/{id}/connect`; with `/*` at its
   * end, also of what is below it.
   */
  route(path: string, handler: UpgradeHandler): void;
  /** Takes what is for it, whatever the path: another host name. */
  intercept(other: { takes(request: IncomingMessage): boolean; upgrade: Interceptor }): void;
  /** From now on, as when the service stops. */
  refuseAll(): void;
}

/** Answers a request for an upgrade without giving it one. */
export function refuseUpgrade(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
  socket.once("finish", () => socket.destroy());
}

interface Way {
  pattern: RegExp;
  names: string[];
  handler: UpgradeHandler;
}

function wayOf(given: string, handler: UpgradeHandler): Way {
  const path = given.replace(/\/\*$/, "");
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name);
  const [first = "", ...rest] = path
    .split(/\{\w+\}/)
    .map((text) => text.replace(/[.*+?^$()|[\]\\]/g, "\\$&"));
  const below = path === given ? "" : "(?:/.*)?";
  const pattern = new RegExp(`^${first}${rest.map((text) => `([^/]+)${text}`).join("")}${below}$`);
  return { pattern, names, handler };
}

/** Undefined where the path is another one, or not valid percent-encoding. */
function paramsOf({ pattern, names }: Way, path: string): Record<string, string> | undefined {
  const found = pattern.exec(path);
  if (found === null) return undefined;
  try {
    return Object.fromEntries(names.map((name, index) => [name, decodeURIComponent(found[index + 1] ?? "")]));
  } catch {
    return undefined;
  }
}

/** Hands each request for an upgrade to whoever has its path; the others are refused. */
export function createUpgrades(server: Server): Upgrades {
  const ways: Way[] = [];
  let interceptor: Parameters<Upgrades["intercept"]>[0] | undefined;
  let isStopping = false;

  function find(path: string): { handler: UpgradeHandler; params: Record<string, string> } | undefined {
    for (const way of ways) {
      const params = paramsOf(way, path);
      if (params !== undefined) return { handler: way.handler, params };
    }
    return undefined;
  }

  server.on("upgrade", (request, socket, head) => {
    // Without a listener a peer that resets would end the process.
    socket.on("error", () => socket.destroy());
    const path = (request.url ?? "").split("?")[0]?.replace(/\/$/, "") ?? "";
    const found = find(path);
    if (isStopping) refuseUpgrade(socket, "503 Service Unavailable");
    else if (interceptor?.takes(request) === true) interceptor.upgrade(request, socket, head);
    else if (found === undefined) refuseUpgrade(socket, "404 Not Found");
    else found.handler(request, socket, head, found.params);
  });
  return {
    route(path, handler) {
      ways.push(wayOf(path, handler));
    },
    intercept(other) {
      interceptor = other;
    },
    refuseAll() {
      isStopping = true;
    },
  };
}
