import { request as httpRequest, type IncomingMessage } from "node:http";
import { AppError, dialTls, errorMessage, type ProxyChoice } from "@rciots/runtime";
import { caAnswer } from "@rciots/protocol";
import { certificateByFingerprint, systemRoots, type Trust } from "../channel/trust.ts";
import type { PlatformClock } from "./platform-clock.ts";

export interface PlatformClientOptions {
  /** `https://host[:port]` of the enrolment endpoint. */
  platformUrl: string;
  trust: Trust;
  proxyFor?: ProxyChoice | undefined;
  /** Sent with every request, for a gateway in between. */
  headers?: Readonly<Record<string, string>>;
  clock: PlatformClock;
  /** For one request and its answer. Default 30,000. */
  timeoutMs?: number;
}

export interface PlatformAnswer {
  status: number;
  /** Undefined where the body is not JSON. */
  body: unknown;
  retryAfterMs: number | undefined;
}

export interface PlatformClient {
  readonly url: string;
  /** Rejects with `platform_unreachable` where there is no answer at all; a refusal is an answer. */
  post(path: string, options: { token: string; body: unknown; signal: AbortSignal }): Promise<PlatformAnswer>;
  /** Teaches the clock the platform's time, unverified: good for a sentence, not for a decision. */
  askTime(signal: AbortSignal): Promise<void>;
}

const maxAnswerBytes = 1_048_576;

/** The few HTTPS calls made outside the channel: enrolment, recovery, and the CA behind a fingerprint. */
export function createPlatformClient(options: PlatformClientOptions): PlatformClient {
  const { platformUrl, trust, clock } = options;
  const url = new URL(platformUrl);
  /** Of a fingerprint: learned once and then the only root. */
  let pinned: string | undefined;

  async function trustedRoots(signal: AbortSignal): Promise<string[]> {
    if (trust.kind === "system") return systemRoots();
    if (trust.kind === "ca") return [trust.pem];
    pinned ??= await fetchPinned(trust.sha256, signal);
    return [pinned];
  }

  /** Nothing of this answer is believed but a certificate whose fingerprint was given to the device. */
  async function fetchPinned(sha256: string, signal: AbortSignal): Promise<string> {
    const answer = await send({ method: "GET", path: "/v1/ca", tls: { rejectUnauthorized: false }, signal });
    const parsed = caAnswer.safeParse(answer.body);
    if (answer.status !== 200 || !parsed.success) throw notPlatform(url, answer.status);
    return certificateByFingerprint(parsed.data.caCertificates, sha256);
  }

  /** A certificate out of its dates is most often a device with a wrong clock: ask, unverified, only to say so. */
  async function askTime(signal: AbortSignal): Promise<void> {
    const tls = { rejectUnauthorized: false } as const;
    await send({ method: "GET", path: "/v1/ca", tls, signal }).catch(() => undefined);
  }

  async function send(call: Call): Promise<PlatformAnswer> {
    const sentAt = clock.localNow();
    const host = url.hostname.replace(/^\[|\]$/g, "");
    const port = url.port === "" ? 443 : Number(url.port);
    const socket = await dialTls({
      host,
      port,
      proxy: options.proxyFor?.(host, port),
      timeoutMs: options.timeoutMs ?? 30_000,
      signal: call.signal,
      tls: call.tls,
    });
    try {
      const response = await exchange(url, socket, call, options);
      const body = parseJson(await readBody(response));
      learnTime(clock, sentAt, response, body);
      const retryAfterMs = retryAfterOf(response.headers["retry-after"], body);
      return { status: response.statusCode ?? 0, body, retryAfterMs };
    } finally {
      socket.destroy();
    }
  }

  return {
    url: platformUrl,
    async post(path, { token, body, signal }) {
      try {
        const ca = await trustedRoots(signal);
        return await send({ method: "POST", path, tls: { ca }, token, body, signal });
      } catch (error) {
        if (isKnown(error)) throw error;
        if (datedFaults.has(codeOf(error) ?? "")) await askTime(signal);
        throw unreachable(url, clock, error);
      }
    },
    askTime,
  };
}

interface Call {
  method: "GET" | "POST";
  path: string;
  tls: { ca: string[] } | { rejectUnauthorized: false };
  token?: string;
  body?: unknown;
  signal: AbortSignal;
}

const datedFaults = new Set(["CERT_NOT_YET_VALID", "CERT_HAS_EXPIRED"]);

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}

function isKnown(error: unknown): boolean {
  return ["stopped", "ca_fingerprint_mismatch", "not_the_platform"].includes(codeOf(error) ?? "");
}

async function exchange(
  url: URL,
  socket: Awaited<ReturnType<typeof dialTls>>,
  call: Call,
  { headers = {}, timeoutMs = 30_000 }: PlatformClientOptions,
): Promise<IncomingMessage> {
  const payload = call.body === undefined ? undefined : JSON.stringify(call.body);
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      createConnection: () => socket,
      method: call.method,
      path: `${url.pathname.replace(/\/+$/, "")}${call.path}`,
      timeout: timeoutMs,
      signal: call.signal,
      headers: {
        ...headers,
        host: url.host,
        accept: "application/json",
        ...(payload === undefined
          ? {}
          : { "content-type": "application/json", "content-length": Buffer.byteLength(payload) }),
        ...(call.token === undefined ? {} : { authorization: `Bearer ${call.token}` }),
      },
    });
    request.once("timeout", () => request.destroy(new Error(`no answer in ${timeoutMs} ms`)));
    request.once("error", reject);
    request.once("response", resolve);
    request.end(payload);
  });
}

async function readBody(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxAnswerBytes) throw new Error(`the answer is larger than ${maxAnswerBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The body's `serverTime` is exact; the Date header, to the second, serves where there is none. */
function learnTime(clock: PlatformClock, sentAt: number, response: IncomingMessage, body: unknown): void {
  const given = (body as { serverTime?: unknown } | null | undefined)?.serverTime;
  const time = typeof given === "string" ? given : response.headers.date;
  if (time !== undefined) clock.learn(Date.parse(time), sentAt);
}

function retryAfterOf(header: string | undefined, body: unknown): number | undefined {
  const given = (body as { retryAfterMs?: unknown } | null | undefined)?.retryAfterMs;
  if (typeof given === "number" && given >= 0) return given;
  const seconds = Number(header);
  return header !== undefined && Number.isFinite(seconds) && seconds >= 0 ? seconds * 1_000 : undefined;
}

function notPlatform(url: URL, status: number): AppError {
  return new AppError({
    code: "not_the_platform",
    status: 502,
    message: `${url.origin} answers (HTTP ${status}), but not as an RCIoTS platform does. Check the platform URL, and proxies and gateways in between.`,
  });
}

function unreachable(url: URL, clock: PlatformClock, cause: unknown): AppError {
  const clockHint = datedFaults.has(codeOf(cause) ?? "") ? clock.describeError() : undefined;
  return new AppError({
    code: clockHint === undefined ? "platform_unreachable" : "clock_wrong",
    status: 503,
    message: clockHint ?? `Can't reach the platform at ${url.origin}: ${explain(cause)}`,
    cause,
  });
}

const untrusted = new Set([
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "CERT_SIGNATURE_FAILURE",
]);

function explain(cause: unknown): string {
  const code = codeOf(cause) ?? "";
  const reason = errorMessage(cause) || code;
  if (!untrusted.has(code)) return reason;
  return `its certificate does not lead to a root this device trusts (${reason}). Give the platform's CA with --ca-file or --ca-fingerprint.`;
}
