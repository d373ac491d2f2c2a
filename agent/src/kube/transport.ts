import http from "node:http";
import https from "node:https";
import { createBackoff, sleep } from "@rciots/runtime";
import { createAgentPool } from "./agent-pool.ts";
import type { Auth, Credentials } from "./auth.ts";
import { isKubeError, KubeError, kubeErrorOf, timedOut, unreachable } from "./kube-error.ts";

export interface TransportOptions {
  readonly auth: Auth;
  readonly userAgent: string;
  /** For one attempt, from connecting to the last byte. Default: 30 s. */
  readonly requestTimeoutMs?: number;
  /** Attempts of one request, the first included. Default: 5. */
  readonly attempts?: number;
  /** Ceiling of the first and of the last pause between attempts. Default: 200 ms, 5 s. */
  readonly minBackoffMs?: number;
  readonly maxBackoffMs?: number;
}

export interface TransportRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** With its query, already encoded. */
  readonly path: string;
  readonly body?: Uint8Array | undefined;
  readonly contentType?: string;
  readonly accept?: string;
  readonly signal?: AbortSignal | undefined;
  /** A larger answer is refused. Default: 8 MiB. */
  readonly maxResponseBytes?: number;
}

export interface StreamRequest {
  readonly path: string;
  readonly accept?: string;
  readonly signal: AbortSignal;
  /** The whole stream ends after this long. */
  readonly timeoutMs: number;
  readonly onLine: (line: string) => void;
}

export interface Transport {
  /** The body of a 2xx answer. Retries what may succeed when repeated; rejects with `KubeError`. */
  send(request: TransportRequest): Promise<Buffer>;
  /** Reads lines until the server ends the stream. Does not retry. */
  stream(request: StreamRequest): Promise<void>;
  close(): void;
}

const defaultMaxResponseBytes = 8 * 1024 * 1024;
const maxLineBytes = 4 * 1024 * 1024;
const maxRetryAfterMs = 30_000;

/** HTTP/1.1 with kept-alive connections: one pool for requests, and a connection of its own for each stream. */
export function createTransport(options: TransportOptions): Transport {
  const { auth, userAgent, requestTimeoutMs = 30_000, attempts = 5 } = options;
  const { minBackoffMs = 200, maxBackoffMs = 5_000 } = options;
  const pool = createAgentPool();

  const open = async (request: TransportRequest & { pooled: boolean }, signal: AbortSignal) => {
    const credentials = await auth.credentials();
    const url = new URL(credentials.server.replace(/\/$/, "") + request.path);
    const agent = request.pooled ? pool.agentFor(credentials, url) : pool.streamAgentFor(credentials, url);
    return exchange({ request, url, credentials, agent, userAgent, signal });
  };

  const attempt = async (request: TransportRequest): Promise<Buffer> => {
    const timeout = AbortSignal.timeout(requestTimeoutMs);
    const signal = request.signal ? AbortSignal.any([request.signal, timeout]) : timeout;
    try {
      const response = await open({ ...request, pooled: true }, signal);
      const body = await readBody(response, request.maxResponseBytes ?? defaultMaxResponseBytes);
      return checkStatus(response, body);
    } catch (error) {
      request.signal?.throwIfAborted();
      if (timeout.aborted) throw timedOut(requestTimeoutMs);
      throw error;
    }
  };

  const send = async (request: TransportRequest): Promise<Buffer> => {
    const backoff = createBackoff({ minMs: minBackoffMs, maxMs: maxBackoffMs });
    for (let tried = 1; ; tried++) {
      request.signal?.throwIfAborted();
      try {
        return await attempt(request);
      } catch (error) {
        if (isKubeError(error) && error.status === 401) auth.invalidate();
        if (tried >= attempts || !isRetryable(error, tried)) throw error;
        await sleep(pauseAfter(error, backoff.next()), request.signal);
      }
    }
  };

  const stream = async ({ path, accept, signal, timeoutMs, onLine }: StreamRequest): Promise<void> => {
    const timeout = AbortSignal.timeout(timeoutMs);
    const both = AbortSignal.any([signal, timeout]);
    try {
      const request = { method: "GET", path, pooled: false, ...(accept ? { accept } : {}) } as const;
      const response = await open(request, both);
      if ((response.statusCode ?? 0) >= 300) checkStatus(response, await readBody(response, 65_536));
      await readLines(response, onLine);
    } catch (error) {
      signal.throwIfAborted();
      // An overdue stream is an ended one: the caller watches on from where it was.
      if (!timeout.aborted) throw error;
    }
  };

  return { send, stream, close: () => pool.close() };
}

/** Everything the agent sends may be repeated: applies and deletes by uid are idempotent, writes carry a version. */
function isRetryable(error: unknown, tried: number): boolean {
  if (!isKubeError(error) || error.reason === "ResponseTooLarge") return false;
  if (error.status === 401 || error.reason === "Timeout") return tried === 1;
  return error.status === 429 || error.status >= 500;
}

function pauseAfter(error: unknown, backoffMs: number): number {
  const asked = isKubeError(error) ? error.retryAfterMs : undefined;
  return asked === undefined ? backoffMs : Math.min(asked, maxRetryAfterMs) + backoffMs;
}

interface Exchange {
  readonly request: TransportRequest;
  readonly url: URL;
  readonly credentials: Credentials;
  readonly agent: http.Agent;
  readonly userAgent: string;
  readonly signal: AbortSignal;
}

function exchange({
  request,
  url,
  credentials,
  agent,
  userAgent,
  signal,
}: Exchange): Promise<http.IncomingMessage> {
  const { method, body, contentType, accept = "application/json" } = request;
  const headers: Record<string, string> = { accept, "user-agent": userAgent, ...credentials.headers };
  if (body)
    Object.assign(headers, { "content-type": contentType, "content-length": String(body.byteLength) });
  return new Promise((resolve, reject) => {
    const options = { method, headers, agent, signal };
    const outgoing = url.protocol === "http:" ? http.request(url, options) : https.request(url, options);
    // A body cut off midway reaches the reader as the response's own error; this listener stays for that.
    outgoing.on("error", (error) => reject(unreachable(error)));
    outgoing.once("response", resolve);
    outgoing.end(body);
  });
}

async function readBody(response: http.IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      size += chunk.byteLength;
      if (size > maxBytes) throw tooLarge(maxBytes);
      chunks.push(chunk);
    }
  } catch (error) {
    throw isKubeError(error) ? error : unreachable(error);
  }
  return Buffer.concat(chunks, size);
}

async function readLines(response: http.IncomingMessage, onLine: (line: string) => void): Promise<void> {
  let rest: Buffer[] = [];
  let restBytes = 0;
  const take = (chunk: Buffer): void => {
    let from = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, from)) {
      const line = Buffer.concat([...rest, chunk.subarray(from, end)]).toString("utf8");
      [rest, restBytes, from] = [[], 0, end + 1];
      if (line) onLine(line);
    }
    if (from === chunk.byteLength) return;
    rest.push(chunk.subarray(from));
    restBytes += chunk.byteLength - from;
    if (restBytes > maxLineBytes) throw tooLarge(maxLineBytes);
  };
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) take(chunk);
  } catch (error) {
    throw isKubeError(error) ? error : unreachable(error);
  }
}

const tooLarge = (maxBytes: number) =>
  new KubeError({
    status: 502,
    reason: "ResponseTooLarge",
    message: `the API server's answer is larger than ${maxBytes} bytes`,
  });

function checkStatus(response: http.IncomingMessage, body: Buffer): Buffer {
  const status = response.statusCode ?? 0;
  if (status >= 200 && status < 300) return body;
  throw kubeErrorOf(status, body, response.headers["retry-after"]);
}
