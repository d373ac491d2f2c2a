import { createSecureContext } from "node:tls";
import { WebSocket } from "ws";
import { createSemaphore } from "@rciots/runtime";
import { serveCalls } from "./child-worker.ts";

/** Plain `ws` clients, all with one client certificate. */
const sockets: WebSocket[] = [];

export interface BareConnect {
  port: number;
  count: number;
  concurrency: number;
  key: string;
  cert: string;
  ca: string;
}

function open(port: number, secureContext: ReturnType<typeof createSecureContext>): Promise<void> {
  return new Promise((resolve, reject) => {
    const options = { secureContext, perMessageDeflate: false, agent: false };
    const socket = new WebSocket(`wss://127.0.0.1:${port}/`, options);
    socket.once("open", () => {
      sockets.push(socket);
      resolve();
    });
    socket.once("error", reject);
  });
}

const calls = {
  async connect({ port, count, concurrency, ...credentials }: BareConnect) {
    const secureContext = createSecureContext(credentials);
    const slots = createSemaphore(concurrency);
    await Promise.all(Array.from({ length: count }, () => slots.run(() => open(port, secureContext))));
    return sockets.length;
  },
};
export type BareClientCalls = typeof calls;

serveCalls(calls);
