import { STATUS_CODES, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { problemOf } from "@rciots/runtime";
import { WebSocketServer } from "ws";
import { endWith } from "./route-socket.ts";

/** A request for a WebSocket, as Node hands it over. */
export interface UpgradeRequest {
  request: IncomingMessage;
  socket: Duplex;
  head: Buffer;
  params: Record<string, string>;
}

/** What is refused sends nothing that is read. */
const maxMessageBytes = 1_024;

/** The answer to a request for a WebSocket that is given none. */
export function writeProblem(socket: Duplex, error: unknown, requestId: string): void {
  if (!socket.writable) return void socket.destroy();
  const { status, headers, body } = problemOf(error, requestId);
  const text = JSON.stringify(body);
  const all = {
    ...headers,
    "content-type": "application/problem+json; charset=utf-8",
    "content-length": Buffer.byteLength(text),
    "cache-control": "no-store",
    "x-request-id": requestId,
    connection: "close",
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  const title = STATUS_CODES[status] ?? "Refused";
  socket.end(`HTTP/1.1 ${status} ${title}\r\n${lines.join("\r\n")}\r\n\r\n${text}`);
  socket.once("finish", () => socket.destroy());
}

/** A browser's page sees no answer to a handshake that failed: it is told on a WebSocket that is closed at once. */
export function tellPage({ request, socket, head }: UpgradeRequest, error: unknown, requestId: string): void {
  if (!socket.writable) return void socket.destroy();
  const server = new WebSocketServer({ noServer: true, clientTracking: false, maxPayload: maxMessageBytes });
  server.handleUpgrade(request, socket, head, (ws) => {
    ws.on("error", () => ws.terminate());
    endWith(ws, error, requestId);
  });
}
