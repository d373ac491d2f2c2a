import { AppError, toPublicError } from "./app-error.ts";

/**
 * Calls from one service to another that answers: to whichever process serves the address. What they carry and
 * answer is plain JSON, or bytes in it, so that it may cross a network.
 */
export interface BusCalls {
  /** Calls a live device; the address is the connector that holds its session. */
  "device:call": {
    request: {
      organizationId: string;
      deviceId: string;
      /** The session it is meant for; null for whichever is current. */
      sessionId: string | null;
      event: string;
      payload: unknown;
      timeoutMs: number;
    };
    response: unknown;
  };
  /** Makes what a connector listens for match the store now, and has it report; each connector is an address. */
  "tunnel:sync": {
    request: { organizationId: string; deviceId: string; tunnelId: string };
    /** `standby`: another process of its machine has the port; `waiting`: the device is not there. */
    response: { state: "open" | "standby" | "waiting" | "failed" | "closed"; message: string | null };
  };
  /** Whether a device gets a connection to a target, which is closed again at once. */
  "tunnel:check": {
    request: { organizationId: string; deviceId: string; host: string; port: number };
    response: { durationMs: number };
  };
  /** Signs a request that lies in the store, once; the address is a process that enrols. */
  "certificate:sign": {
    request: { requestId: string };
    response: {
      /** PEM: leaf, then intermediate, for servers the root too. */
      certificateChain: string;
      /** PEM: roots. */
      caCertificates: string;
      notAfter: string;
    };
  };
}

export type BusCall = keyof BusCalls;
export type BusCallHandler<Call extends BusCall> = (
  request: BusCalls[Call]["request"],
  context: { signal: AbortSignal },
) => Promise<BusCalls[Call]["response"]>;

export interface BusCallOptions {
  timeoutMs: number;
  /** Ends the call; whoever serves it is told. */
  signal?: AbortSignal | undefined;
}

export interface CallBus {
  /**
   * Rejects with the server's AppError (without its cause), with `bus_unserved` (503) where nobody serves the
   * address, `bus_busy` (503) where it has too many calls open, `bus_timeout` (504), and with the signal's reason.
   */
  call<Call extends BusCall>(
    name: Call,
    address: string,
    request: BusCalls[Call]["request"],
    options: BusCallOptions,
  ): Promise<BusCalls[Call]["response"]>;
  /** An address has one server. Returns the function that ends the serving, and the calls that are open with it. */
  serve<Call extends BusCall>(name: Call, address: string, handler: BusCallHandler<Call>): () => void;
}

interface Server {
  handler: (request: never, context: { signal: AbortSignal }) => Promise<unknown>;
  open: Set<AbortController>;
}

/** Calls that one address may have open; nothing waits in a queue. */
const maxOpenCalls = 2_000;

const unserved = (name: string): AppError =>
  new AppError({ code: "bus_unserved", status: 503, message: `Nobody answers ${name} there.` });

/** What the caller may know of an error: the same as over a network. */
function asReceived(error: unknown): AppError {
  const { code, status, message, details } = toPublicError(error);
  return new AppError({ code, status, message, ...(details === undefined ? {} : { details }) });
}

function rejectOnAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  });
}

/** Runs outside the caller's call, on a copy: neither side sees what the other does to it afterwards. */
async function answer(server: Server, request: unknown, signal: AbortSignal): Promise<unknown> {
  const copy = structuredClone(request) as never;
  await new Promise((resolve) => setImmediate(resolve));
  signal.throwIfAborted();
  try {
    return structuredClone(await server.handler(copy, { signal }));
  } catch (error) {
    throw asReceived(error);
  }
}

export function createMemoryCallBus(): CallBus {
  const servers = new Map<string, Server>();
  const keyOf = (name: string, address: string): string => `${name}@${address}`;

  async function call(
    name: string,
    server: Server,
    request: unknown,
    { timeoutMs, signal }: BusCallOptions,
  ): Promise<unknown> {
    const ending = new AbortController();
    const late = new AppError({
      code: "bus_timeout",
      status: 504,
      message: `${name} was not answered in ${timeoutMs} ms.`,
    });
    const timer = setTimeout(() => ending.abort(late), timeoutMs);
    const cancel = (): void => ending.abort(signal?.reason);
    signal?.addEventListener("abort", cancel, { once: true });
    server.open.add(ending);
    try {
      return await Promise.race([answer(server, request, ending.signal), rejectOnAbort(ending.signal)]);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", cancel);
      server.open.delete(ending);
    }
  }

  return {
    async call(name, address, request, options) {
      options.signal?.throwIfAborted();
      const server = servers.get(keyOf(name, address));
      if (server === undefined) throw unserved(name);
      if (server.open.size >= maxOpenCalls) {
        throw new AppError({ code: "bus_busy", status: 503, message: `${name} has too many calls open.` });
      }
      return call(name, server, request, options);
    },
    serve(name, address, handler) {
      const key = keyOf(name, address);
      if (servers.has(key)) throw new Error(`${key} is served already.`);
      const server: Server = { handler: handler, open: new Set() };
      servers.set(key, server);
      return () => {
        if (servers.get(key) === server) servers.delete(key);
        for (const ending of server.open) ending.abort(unserved(name));
      };
    },
  };
}
