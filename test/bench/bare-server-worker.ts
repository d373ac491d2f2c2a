import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { WebSocketServer } from "ws";
import { serveCalls } from "./child-worker.ts";
import { createNodeMeter } from "./measured-node.ts";

/** The least a server of mTLS WebSockets can be: `ws` on Node's HTTPS server, and nothing on top. */
const meter = createNodeMeter();
let sessions = 0;

const calls = {
  async start({ key, cert, ca }: { key: string; cert: string; ca: string }) {
    const server = createServer({ key, cert, ca, requestCert: true, minVersion: "TLSv1.2" });
    const webSockets = new WebSocketServer({ server, perMessageDeflate: false });
    webSockets.on("connection", (socket) => {
      sessions += 1;
      socket.on("message", () => undefined);
      socket.on("close", () => (sessions -= 1));
    });
    await new Promise<void>((resolve) =>
      server.listen({ port: 0, host: "127.0.0.1", backlog: 4_096 }, resolve),
    );
    return (server.address() as AddressInfo).port;
  },
  sessions: () => sessions,
  async usageAfterCollection() {
    await meter.collect();
    return meter.read();
  },
};
export type BareServerCalls = typeof calls;

serveCalls(calls);
