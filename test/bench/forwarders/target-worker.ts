import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { serveCalls } from "../child-worker.ts";
import { sendBytes } from "./target-traffic.ts";

/** What tunnels lead to: a server that does what the first byte of a connection says. */
const reportEveryMs = 50;

/** Tells how many bytes have come, again and again: what a sender has written may still be in buffers. */
function countAloud(socket: Socket): void {
  let bytes = 0;
  socket.on("data", (chunk: Buffer) => (bytes += chunk.length));
  const timer = setInterval(() => socket.write(`${bytes}\n`), reportEveryMs);
  socket.on("close", () => clearInterval(timer));
  socket.on("end", () => socket.end());
}

const orders: Record<string, (socket: Socket, order: string) => void> = {
  /** `d<count>`: sends so many bytes. */
  d: (socket, order) => sendBytes(socket, Number(order.slice(1))),
  /** `u`: takes all, then says so. */
  u(socket) {
    socket.on("data", () => undefined);
    socket.on("end", () => socket.end("."));
  },
  c: countAloud,
  /** `e`: sends back what comes. */
  e: (socket) => void socket.pipe(socket),
};

const calls = {
  async start() {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      socket.on("error", () => socket.destroy());
      socket.once("data", (bytes: Buffer) => {
        const order = bytes.toString("utf8").trim();
        orders[order[0] ?? ""]?.(socket, order);
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  },
};
export type TargetCalls = typeof calls;

serveCalls(calls);
