import { lookup } from "node:dns/promises";
import { once } from "node:events";
import { isIP, Socket } from "node:net";
import { createReader, faultError, type ReadPool, type TcpTarget } from "@rciots/protocol";
import { plainAddress } from "@rciots/runtime";
import type { AllowList } from "./allow-list.ts";

export interface TargetConnection {
  socket: Socket;
  /** What the socket reads goes here; false: stop reading until it is resumed. */
  onRead: (listener: (bytes: Buffer) => boolean) => void;
}

export interface TcpTargetOptions {
  allowList: AllowList;
  pool: ReadPool;
  /** For the name and all its addresses together. */
  timeoutMs: number;
  signal: AbortSignal;
  /** All addresses of a name, in the order of preference; the system's by default. */
  resolve?: ((host: string) => Promise<string[]>) | undefined;
}

const resolveBySystem = async (host: string): Promise<string[]> =>
  (await lookup(host, { all: true })).map(({ address }) => address);

/** One address that answers nothing must not use up the time of those after it. */
const perAddressMs = 4_000;

/**
 * Connects to a target. The addresses that its name resolves to are checked, and one of these very addresses is
 * connected to: a name that means another address the next moment gains nothing. Rejects with a `StreamFault`.
 */
export async function connectTarget(target: TcpTarget, options: TcpTargetOptions): Promise<TargetConnection> {
  const { allowList, signal } = options;
  const late = AbortSignal.timeout(options.timeoutMs);
  const ended = AbortSignal.any([signal, late]);
  const { host, port } = target;
  const addresses = await addressesOf(host, ended, options.resolve ?? resolveBySystem);
  const allowed = addresses.filter((address) => allowList.allows(address, port));
  if (allowed.length === 0) {
    const message = `The device does not allow connections to ${host}:${port} (its --tunnel-allow).`;
    throw faultError({ code: "target_not_allowed", message });
  }
  let last: unknown;
  for (const address of allowed) {
    if (ended.aborted) break;
    try {
      return await connectAddress(address, port, ended, options.pool);
    } catch (error) {
      last = error;
    }
  }
  throw connectFault(last, target, ended);
}

async function addressesOf(
  host: string,
  signal: AbortSignal,
  resolve: (host: string) => Promise<string[]>,
): Promise<string[]> {
  if (isIP(host) !== 0) return [ownAddress(host)];
  const isLate = new Promise<never>((_resolve, reject) =>
    signal.addEventListener("abort", () => reject(new Error("late")), { once: true }),
  );
  try {
    return (await Promise.race([resolve(host), isLate])).map(ownAddress);
  } catch (error) {
    const code = signal.aborted ? "connect_timeout" : "name_not_found";
    const message = signal.aborted
      ? `The device could not look ${host} up in time.`
      : `The device can't resolve ${host} (${codeOf(error)}).`;
    throw faultError({ code, message });
  }
}

/** The unspecified address means this machine; as a target it connects to it, past a rule for loopback. */
export function ownAddress(address: string): string {
  const plain = plainAddress(address);
  if (/^0+(\.0+){3}$/.test(plain)) return "127.0.0.1";
  return isIP(plain) === 6 && /^[0:]+$/.test(plain) ? "::1" : plain;
}

async function connectAddress(
  address: string,
  port: number,
  signal: AbortSignal,
  pool: ReadPool,
): Promise<TargetConnection> {
  const reader = createReader(pool);
  let listener: (bytes: Buffer) => boolean = () => false;
  const options = {
    allowHalfOpen: true,
    onread: { buffer: () => reader.next(), callback: (bytes: number) => listener(reader.filled(bytes)) },
  };
  const socket = new Socket(options);
  socket.pause();
  // Between connecting and being joined to a stream it may break too; its `destroyed` tells.
  socket.on("error", () => undefined);
  socket.connect({ host: address, port, noDelay: true });
  try {
    await once(socket, "connect", { signal: AbortSignal.any([signal, AbortSignal.timeout(perAddressMs)]) });
  } catch (error) {
    socket.destroy();
    throw error;
  }
  return { socket, onRead: (given) => void (listener = given) };
}

const codeOf = (error: unknown): string =>
  typeof error === "object" && error !== null && "code" in error ? String(error.code) : "unknown";

function connectFault(error: unknown, { host, port }: TcpTarget, signal: AbortSignal): Error {
  const code = codeOf(error);
  const where = `${host}:${port}`;
  if (code === "ECONNREFUSED") {
    const message = `Nothing listens on ${where}, as the device sees it.`;
    return faultError({ code: "connection_refused", message });
  }
  if (signal.aborted || code === "ETIMEDOUT" || code === "ABORT_ERR") {
    const message = `${where} did not answer the device in time.`;
    return faultError({ code: "connect_timeout", message });
  }
  const message = `The device can't reach ${where} (${code}).`;
  return faultError({ code: "target_unreachable", message });
}
