import { connect, createSecureContext, type TLSSocket } from "node:tls";
import { serveCalls } from "./child-worker.ts";

/** Makes TLS connections one after the other on several lanes, and ends each as soon as the server is done with it. */
export interface HandshakeLoad {
  port: number;
  /** Absent: no client certificate. */
  key?: string;
  cert?: string;
  ca: string;
  resume: boolean;
  lanes: number;
  durationMs: number;
}

/** A session ticket: the server sends one only after it has taken the client's certificate. */
function fetchTicket(options: object): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", ...options });
    socket.once("session", (session) => {
      resolve(session);
      socket.destroy();
    });
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("The server hung up before it sent a ticket.")));
    socket.resume();
  });
}

/**
 * Resolves to whether it was resumed, once the server has closed the connection: before it can see the client's
 * end, it has to be through with the client's last message of the handshake.
 */
function handshake(options: object): Promise<boolean> {
  return new Promise((resolve, reject) => {
    let isResumed: boolean | undefined;
    const socket: TLSSocket = connect({ host: "127.0.0.1", ...options }, () => {
      isResumed = socket.isSessionReused();
      socket.end();
    });
    socket.once("error", reject);
    socket.once("close", () => {
      if (isResumed === undefined) reject(new Error("The server hung up before the handshake was done."));
      else resolve(isResumed);
    });
    socket.resume();
  });
}

const calls = {
  async run({ port, resume, lanes, durationMs, ...credentials }: HandshakeLoad) {
    const secureContext = createSecureContext(credentials);
    const options = { port, secureContext, checkServerIdentity: () => undefined };
    const session = await fetchTicket(options);
    const endsAt = performance.now() + durationMs;
    let count = 0;
    let resumed = 0;
    async function lane(): Promise<void> {
      while (performance.now() < endsAt) {
        const isResumed = await handshake(resume ? { ...options, session } : options);
        count += 1;
        resumed += isResumed ? 1 : 0;
      }
    }
    await Promise.all(Array.from({ length: lanes }, lane));
    return { count, resumed };
  },
};
export type HandshakeCalls = typeof calls;

serveCalls(calls);
