import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";

export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

export interface Upgrades {
  /** Who takes the WebSockets of a path, such as `/api/v1/live`. */
  route(path: string, handler: UpgradeHandler): void;
  /** From now on, as when the service stops. */
  refuseAll(): void;
}

/** Answers a request for an upgrade without giving it one. */
export function refuseUpgrade(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
  socket.once("finish", () => socket.destroy());
}

/** Hands each request for an upgrade to whoever has its path; the others are refused. */
export function createUpgrades(server: Server): Upgrades {
  const handlers = new Map<string, UpgradeHandler>();
  let isStopping = false;
  server.on("upgrade", (request, socket, head) => {
    // Without a listener a peer that resets would end the process.
    socket.on("error", () => socket.destroy());
    const path = (request.url ?? "").split("?")[0]?.replace(/\/$/, "") ?? "";
    const handler = handlers.get(path);
    if (isStopping) refuseUpgrade(socket, "503 Service Unavailable");
    else if (handler === undefined) refuseUpgrade(socket, "404 Not Found");
    else handler(request, socket, head);
  });
  return {
    route(path, handler) {
      handlers.set(path, handler);
    },
    refuseAll() {
      isStopping = true;
    },
  };
}
