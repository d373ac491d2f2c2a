import { createHttpServer, type HttpServer } from "@rciots/runtime";
import type { AgentStatus } from "./agent.ts";

/**
 * `/healthz`: the process runs and has not given up. `/readyz`: it has a session with the platform. Both
 * answer with the phase; neither says who the device is.
 */
export function createHealthServer(options: {
  host: string;
  port: number;
  status: () => AgentStatus;
}): HttpServer {
  return createHttpServer({
    host: options.host,
    port: options.port,
    drainMs: 100,
    listener: (request, response) => {
      const { phase, lastEnd } = options.status();
      const isGood = { "/healthz": phase !== "stopped", "/readyz": phase === "connected" };
      const path = request.url?.split("?")[0] ?? "";
      const known = Object.hasOwn(isGood, path) ? isGood[path as keyof typeof isGood] : undefined;
      const status = known === undefined ? 404 : known ? 200 : 503;
      response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
      response.end(
        `${JSON.stringify({ phase, ...(lastEnd === undefined ? {} : { reason: lastEnd.code }) })}\n`,
      );
    },
  });
}
