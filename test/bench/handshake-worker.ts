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

/**
 * Resolves once the first session ticket is here: a server sends it after it has taken the client's last message of
 * the handshake, certificate and all. So what is counted is done on both ends.
 */
function handshake(options: object): Promise<{ session: Buffer; isResumed: boolean }> {
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connect({ host: "127.0.0.1", ...options });
    socket.once("session", (session) => {
      resolve({ session, isResumed: socket.isSessionReused() });
      socket.destroy();
    });
    socket.once("error", reject);
    // s_server takes nothing more before it has read something.
    socket.once("close", () => reject(new Error("The server hung up before the handshake was done.")));
    socket.resume();
  });
}

const calls = {
  async run({ port, resume, lanes, durationMs, ...credentials }: HandshakeLoad) {
    const secureContext = createSecureContext(credentials);
    const options = { port, secureContext, checkServerIdentity: () => undefined };
    const { session } = await handshake(options);
    const endsAt = performance.now() + durationMs;
    let count = 0;
    let resumed = 0;
    async function lane(): Promise<void> {
      while (performance.now() < endsAt) {
        const { isResumed } = await handshake(resume ? { ...options, session } : options);
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
