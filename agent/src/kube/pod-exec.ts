import { Readable, Writable } from "node:stream";
import { WebSocket, type RawData } from "ws";
import { isAppError } from "@rciots/runtime";
import type { Auth, Credentials } from "./auth.ts";
import { isKubeError, KubeError, kubeErrorOf, timedOut, unreachable } from "./kube-error.ts";
import { groupVersionPath } from "./paths.ts";

export interface PodExecRequest {
  readonly namespace: string;
  readonly pod: string;
  /** Absent: the Pod's default container. */
  readonly container?: string | undefined;
  /** The program and its arguments; no shell comes between. */
  readonly command: readonly string[];
  /** Whether the process gets a standard input; without it reads give end of file. */
  readonly stdin: boolean;
  /** With a terminal, `stderr` stays empty: the terminal shows both. Default: none. */
  readonly tty?: boolean;
}

/** A process in a container, as long as the connection to it lasts. */
export interface PodProcess {
  /** Takes no more than the server does. Its end reaches the process where the server is Kubernetes 1.30 or newer. */
  readonly stdin: Writable;
  /** While these are not read the server is made to wait, and the process with it. */
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Resolves to the exit code; rejects with `KubeError` where it never ran, or nothing is known of its end. */
  readonly exit: Promise<number>;
  resize(size: { columns: number; rows: number }): void;
  /** Lets go of the process. The container's runtime decides what becomes of it: most let it run on. */
  close(): void;
}

/** Rejects with `KubeError` in the API server's words, and with the signal's reason. Never repeated by itself. */
export type PodExec = (
  request: PodExecRequest,
  options?: { readonly signal?: AbortSignal | undefined },
) => Promise<PodProcess>;

const channels = { stdin: 0, stdout: 1, stderr: 2, status: 3, resize: 4, close: 255 } as const;
const halfClosing = "v5.channel.k8s.io";
const protocols = [halfClosing, "v4.channel.k8s.io"];
const openTimeoutMs = 30_000;
const maxMessageBytes = 1_048_576;
/** Servers read their messages into small buffers. */
const stdinPieceBytes = 32_768;
const maxRefusalBytes = 65_536;
const keepAliveMs = 15_000;

/** Runs programs in containers over a WebSocket, as `kubectl exec` does. */
export function createPodExec({ auth, userAgent }: { auth: Auth; userAgent: string }): PodExec {
  return async (request, { signal } = {}) => {
    const credentials = await auth.credentials();
    signal?.throwIfAborted();
    try {
      return createPodProcess(await connect(request, credentials, userAgent, signal));
    } catch (error) {
      if (isKubeError(error) && error.status === 401) auth.invalidate();
      throw error;
    }
  };
}

function urlOf({ namespace, pod, container, command, stdin, tty = false }: PodExecRequest, server: string) {
  const path = `${groupVersionPath("v1")}/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(pod)}/exec`;
  const query = new URLSearchParams({
    ...(container === undefined ? {} : { container }),
    stdin: String(stdin),
    stdout: "true",
    stderr: String(!tty),
    tty: String(tty),
  });
  for (const part of command) query.append("command", part);
  return `${server.replace(/\/$/, "").replace(/^http/, "ws")}${path}?${query.toString()}`;
}

function connect(
  request: PodExecRequest,
  { server, headers, tls, proxyAgent }: Credentials,
  userAgent: string,
  signal: AbortSignal | undefined,
): Promise<WebSocket> {
  const socket = new WebSocket(urlOf(request, server), protocols, {
    ...tls,
    ...(proxyAgent === undefined ? {} : { agent: proxyAgent }),
    headers: { "user-agent": userAgent, ...headers },
    handshakeTimeout: openTimeoutMs,
    perMessageDeflate: false,
    maxPayload: maxMessageBytes,
  });
  return new Promise((resolve, reject) => {
    const give = (error: Error): void => {
      reject(error);
      socket.terminate();
    };
    const abort = (): void => give(signal?.reason as Error);
    signal?.addEventListener("abort", abort, { once: true });
    socket.once("upgrade", ({ socket: raw }) => raw.setKeepAlive(true, keepAliveMs));
    socket.once("unexpected-response", (_request, response) => {
      const refused = (body: Buffer) =>
        kubeErrorOf(response.statusCode ?? 502, body, response.headers["retry-after"]);
      readSome(response).then((body) => give(refused(body)), give);
    });
    socket.once("open", () => {
      signal?.removeEventListener("abort", abort);
      // Nothing is to be read before somebody listens.
      socket.pause();
      resolve(socket);
    });
    // What comes after the rejection, such as of a handshake that was given up, says nothing new.
    socket.on("error", (error) =>
      give(/timed out/.test(error.message) ? timedOut(openTimeoutMs) : unreachable(error)),
    );
  });
}

async function readSome(stream: AsyncIterable<unknown>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.byteLength;
    if (size > maxRefusalBytes) break;
  }
  return Buffer.concat(chunks).subarray(0, maxRefusalBytes);
}

function createPodProcess(socket: WebSocket): PodProcess {
  const full = new Set<Readable>();
  const readable = (): Readable => {
    const stream: Readable = new Readable({
      read() {
        full.delete(stream);
        if (full.size === 0) socket.resume();
      },
    });
    return stream;
  };
  const [stdout, stderr] = [readable(), readable()];
  const stdin = stdinOf(socket);
  let settle: { resolve: (code: number) => void; reject: (error: unknown) => void };
  const exit = new Promise<number>((resolve, reject) => (settle = { resolve, reject }));
  // Whoever reads the output may ask for the exit only later.
  exit.catch(() => undefined);

  function take(stream: Readable, data: Buffer): void {
    if (data.byteLength === 0 || stream.push(data)) return;
    full.add(stream);
    socket.pause();
  }

  socket.on("message", (message) => {
    const bytes = bytesOf(message);
    const data = bytes.subarray(1);
    if (bytes[0] === channels.stdout) take(stdout, data);
    else if (bytes[0] === channels.stderr) take(stderr, data);
    else if (bytes[0] === channels.status) attempt(() => settle.resolve(exitCodeOf(data)), settle.reject);
  });
  socket.on("close", () => {
    settle.reject(unknownEnd());
    for (const stream of [stdout, stderr]) stream.push(null);
    stdin.destroy();
  });
  socket.resume();

  return {
    stdin,
    stdout,
    stderr,
    exit,
    resize({ columns, rows }) {
      if (socket.readyState !== WebSocket.OPEN) return;
      socket.send(framed(channels.resize, Buffer.from(JSON.stringify({ Width: columns, Height: rows }))));
    },
    close: () => socket.terminate(),
  };
}

function stdinOf(socket: WebSocket): Writable {
  const send = (frame: Buffer, done: (error?: Error | null) => void): void =>
    socket.send(frame, (error) => done(error ?? null));
  const stdin = new Writable({
    write(chunk: Buffer, _encoding, done) {
      const sendFrom = (at: number): void => {
        if (at >= chunk.byteLength) return done();
        const piece = chunk.subarray(at, at + stdinPieceBytes);
        send(framed(channels.stdin, piece), (error) =>
          error ? done(error) : sendFrom(at + stdinPieceBytes),
        );
      };
      sendFrom(0);
    },
    final(done) {
      if (socket.protocol !== halfClosing) return done();
      send(Buffer.from([channels.close, channels.stdin]), done);
    },
  });
  // A process that ended takes no more; its exit tells.
  stdin.on("error", () => undefined);
  return stdin;
}

function framed(channel: number, data: Buffer): Buffer {
  return Buffer.concat([Buffer.from([channel]), data]);
}

function bytesOf(message: RawData): Buffer {
  if (Array.isArray(message)) return Buffer.concat(message);
  return Buffer.isBuffer(message) ? message : Buffer.from(message);
}

function attempt(run: () => void, onError: (error: unknown) => void): void {
  try {
    run();
  } catch (error) {
    onError(error);
  }
}

interface ExitStatus {
  status?: string;
  message?: string;
  reason?: string;
  code?: number;
  details?: { causes?: { reason?: string; message?: string }[] };
}

/** From the `Status` that ends a process. Throws where the process could not be run. */
function exitCodeOf(data: Buffer): number {
  const status = parseStatus(data);
  if (status.status === "Success") return 0;
  const cause = status.details?.causes?.find(({ reason }) => reason === "ExitCode");
  const code = Number(cause?.message);
  if (status.reason === "NonZeroExitCode" && Number.isInteger(code)) return code;
  throw kubeErrorOf(status.code ?? 500, data, undefined);
}

function parseStatus(data: Buffer): ExitStatus {
  try {
    const parsed = JSON.parse(data.toString("utf8")) as ExitStatus | null;
    return parsed ?? {};
  } catch {
    return {};
  }
}

const unknownEnd = (): KubeError =>
  new KubeError({
    status: 502,
    reason: "ConnectionLost",
    message: "the connection to the container ended before the process did",
  });

/** Whether nothing is known of how the process ended, which may still run. */
export const isUnknownEnd = (error: unknown): boolean =>
  isAppError(error) && error.code === "kube_connection_lost";
