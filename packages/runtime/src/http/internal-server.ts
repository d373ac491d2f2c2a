import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { errorMessage } from "../app-error.ts";
import type { Logger } from "../logger.ts";
import { createHttpServer } from "./server.ts";

export interface HealthReport {
  ok: boolean;
  /** `ok`, or what is wrong, by part. */
  checks: Record<string, string>;
}

export interface InternalServer {
  start(): Promise<void>;
  /** Of a server that is stopped last, so that whoever asks while the process drains still gets an answer. */
  stop(): Promise<void>;
  /** Throws before `start`. */
  address(): AddressInfo;
}

type Page = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;
type Report = () => HealthReport | Promise<HealthReport>;

/** Of `checks`: well where every one of them is. */
export const healthReport = (checks: Record<string, string>): HealthReport => ({
  ok: Object.values(checks).every((check) => check === "ok"),
  checks,
});

/**
 * What supervisors and load balancers ask a process, on a port of its own that devices and people don't reach:
 * `GET /healthz` (is it of use, or should it be restarted), `GET /readyz` (may it get work now; 503 where not),
 * and what `pages` has besides, by path.
 */
export function createInternalServer(options: {
  host: string;
  /** 0 lets the system choose. */
  port: number;
  live: Report;
  ready: Report;
  /** Each answers GET on its path, such as `/metrics`; it may be asynchronous. */
  pages?: Readonly<Record<string, Page>>;
  logger: Logger;
}): InternalServer {
  const { host, port, logger } = options;
  const pages = new Map<string, Page>([
    ...Object.entries(options.pages ?? {}),
    ["/healthz", answerReport(options.live)],
    ["/readyz", answerReport(options.ready)],
  ]);

  function answer(request: IncomingMessage, response: ServerResponse): void {
    const page = pages.get((request.url ?? "").split("?")[0] ?? "");
    const status =
      page === undefined ? 404 : request.method === "GET" || request.method === "HEAD" ? 200 : 405;
    if (page === undefined || status !== 200) return void response.writeHead(status).end();
    Promise.resolve()
      .then(() => page(request, response))
      .catch((error: unknown) => {
        logger.error({ path: request.url, error: errorMessage(error) }, "internal page failed");
        if (!response.headersSent) response.writeHead(500);
        response.end();
      });
  }

  return createHttpServer({ listener: answer, host, port, requestTimeoutMs: 10_000, drainMs: 500 });
}

function answerReport(report: Report) {
  return async (_request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { ok, checks } = await report();
    response.writeHead(ok ? 200 : 503, { "content-type": "application/json", "cache-control": "no-store" });
    response.end(JSON.stringify({ ok, checks }));
  };
}
