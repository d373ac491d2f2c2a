import { createServer as createPlainServer, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer, type ServerOptions as TlsOptions } from "node:https";
import { once } from "node:events";
import type { AddressInfo } from "node:net";

export interface HttpServer {
  server: Server;
  /** Rejects where the port is taken, with a sentence that names it. */
  start(): Promise<void>;
  /** Takes no more connections, lets requests under way end for `drainMs`, then cuts. */
  stop(): Promise<void>;
  /** Where it listens; throws before `start`. */
  address(): AddressInfo;
}

/** A plain or TLS server with limits on header size, count and time. */
export function createHttpServer(options: {
  listener?: RequestListener;
  host: string;
  port: number;
  tls?: TlsOptions;
  /** Default 30,000. */
  requestTimeoutMs?: number;
  /** Default 5,000. */
  drainMs?: number;
}): HttpServer {
  const { listener, host, port, tls, requestTimeoutMs = 30_000, drainMs = 5_000 } = options;
  const limits = {
    maxHeaderSize: 16_384,
    headersTimeout: 10_000,
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: 15_000,
  };
  const server: Server =
    tls === undefined
      ? createPlainServer(limits, listener)
      : createTlsServer({ ...limits, ...tls }, listener);
  return {
    server,
    async start() {
      server.listen(port, host);
      try {
        await once(server, "listening");
      } catch (error) {
        throw new Error(`Can't listen on ${host}:${port}: ${describe(error)}`, { cause: error });
      }
    },
    async stop() {
      if (!server.listening) return;
      const closed = once(server, "close");
      server.close();
      server.closeIdleConnections();
      const cut = setTimeout(() => server.closeAllConnections(), drainMs);
      await closed;
      clearTimeout(cut);
    },
    address() {
      const address = server.address();
      if (address === null || typeof address === "string") throw new Error("The server is not listening.");
      return address;
    },
  };
}

function describe(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "EADDRINUSE")
    return "another process uses this port; choose another one or stop that process.";
  if (code === "EACCES") return "this user may not use that port.";
  return error instanceof Error ? error.message : String(error);
}
