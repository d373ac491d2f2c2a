import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from "node:tls";
import { SocksClient } from "socks";
import { AppError, errorMessage } from "../app-error.ts";
import { describeProxy, type Proxy } from "./proxy.ts";

export interface DialOptions {
  host: string;
  port: number;
  proxy?: Proxy | undefined;
  /** For the whole way, the TLS handshake included. */
  timeoutMs: number;
  signal: AbortSignal;
  tls: Pick<ConnectionOptions, "ca" | "cert" | "key" | "secureContext" | "session" | "rejectUnauthorized">;
  /** A ticket to resume with next time. */
  onSession?: (session: Buffer) => void;
}

/**
 * Opens a TLS connection, through the proxy where there is one. Resolves once the handshake is done and the
 * peer is verified. Rejects with the cause; the proxy's own refusals as `proxy_refused`.
 */
export async function dialTls(options: DialOptions): Promise<TLSSocket> {
  // Of this attempt alone: a signal that outlived it would cut the open connection later.
  const attempt = new AbortController();
  const abort = (): void => attempt.abort();
  const timer = setTimeout(abort, options.timeoutMs);
  options.signal.addEventListener("abort", abort, { once: true });
  try {
    if (options.signal.aborted) throw new Error("stopped");
    return await openTls(options, attempt.signal);
  } catch (error) {
    throw options.signal.aborted || attempt.signal.aborted ? endedEarly(options) : error;
  } finally {
    clearTimeout(timer);
    options.signal.removeEventListener("abort", abort);
  }
}

async function openTls(options: DialOptions, signal: AbortSignal): Promise<TLSSocket> {
  const { host, port, proxy, tls, onSession } = options;
  const way =
    proxy === undefined ? { host, port } : { socket: await dialThroughProxy(proxy, host, port, signal) };
  // Node's own default is TLS 1.2; said here because the contract says so.
  const socket = connectTls({ ...way, ...tls, ...serverName(host), minVersion: "TLSv1.2" });
  socket.setNoDelay(true);
  if (onSession !== undefined) socket.on("session", onSession);
  try {
    await once(socket, "secureConnect", { signal });
    return socket;
  } catch (error) {
    socket.on("error", () => undefined);
    socket.destroy();
    throw error;
  }
}

/** Addresses are no server names (RFC 6066); the certificate is checked against `host` for both. */
function serverName(host: string): Pick<ConnectionOptions, "servername" | "host"> {
  return isIP(host) === 0 ? { servername: host, host } : { host };
}

function endedEarly({ signal, host, port }: DialOptions): Error {
  if (signal.aborted) return new AppError({ code: "stopped", status: 499, message: "It was given up." });
  return new AppError({
    code: "connect_timeout",
    status: 504,
    message: `No connection to ${host}:${port} in time.`,
  });
}

/** Rejects with `proxy_refused`, in the words of the proxy. */
export async function dialThroughProxy(
  proxy: Proxy,
  host: string,
  port: number,
  signal: AbortSignal,
): Promise<Socket> {
  try {
    const open = proxy.kind === "socks" ? throughSocks : throughHttp;
    return await open(proxy, host, port, signal);
  } catch (error) {
    if (signal.aborted) throw error;
    throw new AppError({
      code: "proxy_refused",
      status: 502,
      message: `The proxy (${describeProxy(proxy)}) did not connect to ${host}:${port}: ${errorMessage(error)}`,
      cause: error,
    });
  }
}

/** `CONNECT host:port`. */
async function throughHttp(proxy: Proxy, host: string, port: number, signal: AbortSignal): Promise<Socket> {
  const target = `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
  const { user = "", password = "" } = proxy;
  const credentials = Buffer.from(`${user}:${password}`).toString("base64");
  const request = (proxy.kind === "https" ? httpsRequest : httpRequest)({
    host: proxy.host,
    port: proxy.port,
    method: "CONNECT",
    path: target,
    headers: {
      host: target,
      ...(user === "" && password === "" ? {} : { "proxy-authorization": `Basic ${credentials}` }),
    },
    agent: false,
  });
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => request.destroy(new Error("given up")), { once: true });
    request.once("error", reject);
    request.once("connect", (response, socket: Socket, head) => {
      if (response.statusCode !== 200) {
        socket.destroy();
        return reject(new Error(`it answered ${response.statusCode} ${response.statusMessage ?? ""}`.trim()));
      }
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    });
    request.once("response", (response) => {
      request.destroy();
      reject(new Error(`it answered ${response.statusCode} ${response.statusMessage ?? ""}`.trim()));
    });
    request.end();
  });
}

/** The proxy resolves the name: a device behind one often can't. */
async function throughSocks(proxy: Proxy, host: string, port: number, signal: AbortSignal): Promise<Socket> {
  const existing = connectTcp({ host: proxy.host, port: proxy.port });
  signal.addEventListener("abort", () => existing.destroy(), { once: true });
  await once(existing, "connect", { signal });
  const { socket } = await SocksClient.createConnection({
    proxy: {
      host: proxy.host,
      port: proxy.port,
      type: proxy.version ?? 5,
      ...(proxy.user === undefined ? {} : { userId: proxy.user }),
      ...(proxy.password === undefined ? {} : { password: proxy.password }),
    },
    command: "connect",
    destination: { host, port },
    existing_socket: existing,
  });
  return socket;
}
