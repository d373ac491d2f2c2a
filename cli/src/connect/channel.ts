import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import {
  createMultiplexer,
  type ByteStream,
  type FrameLink,
  type Multiplexer,
  type TcpTarget,
} from "@rciots/protocol";
import { WebSocket } from "ws";
import { CommandError, exitCodes } from "../command.ts";
import { dialPlatform } from "./dial.ts";
import { headersOf, pathOf, PlatformError, problemIn, readText } from "./platform-api.ts";
import type { Platform } from "./platform.ts";

/** The way to a device: any number of streams on one WebSocket, which is opened anew for the next where it broke. */
export interface Channel {
  /** Resolves once there is a way. Throws CommandErrors. */
  connect(): Promise<void>;
  /** Rejects with a StreamFault where the device refuses, with a CommandError where there is no way to it. */
  open(target: TcpTarget, signal?: AbortSignal): Promise<ByteStream>;
  close(): void;
}

/** The platform asks whether one is there every dozen seconds. */
const silenceMs = 45_000;
const maxMessageBytes = 131_072;

/** Frames as messages of `ws`, which masks them as RFC 6455 wants it of clients. */
function createMessageLink(ws: WebSocket, socket: Socket): FrameLink {
  return {
    send(head, body) {
      if (ws.readyState !== ws.OPEN) return;
      ws.send(body === undefined ? head : Buffer.concat([head, body]));
    },
    cork: () => socket.cork(),
    uncork: () => socket.uncork(),
    get queuedBytes() {
      return ws.bufferedAmount;
    },
    onDrain(listener) {
      socket.on("drain", listener);
      return () => void socket.off("drain", listener);
    },
  };
}

async function openWebSocket(platform: Platform, deviceId: string, signal: AbortSignal) {
  const socket = await dialPlatform(platform, signal);
  socket.setNoDelay(true);
  const ws = new WebSocket(`ws://${platform.url.host}${pathOf(platform, `/devices/${deviceId}/connect`)}`, {
    createConnection: () => socket,
    headers: headersOf(platform),
    perMessageDeflate: false,
    maxPayload: maxMessageBytes,
  });
  await new Promise<void>((resolve, reject) => {
    ws.once("open", resolve);
    ws.once("error", (error) =>
      reject(new CommandError(`The platform opened no way: ${error.message}.`, exitCodes.unreachable)),
    );
    ws.once("unexpected-response", (_request, response: IncomingMessage) => {
      readText(response)
        .then((text) => reject(new PlatformError(response.statusCode ?? 0, problemIn(text))), reject)
        .finally(() => socket.destroy());
    });
  });
  return { ws, socket };
}

export function createChannel(options: {
  platform: Platform;
  deviceId: string;
  signal: AbortSignal;
  /** The way is gone, and why. Streams on it were reset. */
  onLost: (reason: string) => void;
}): Channel {
  const { platform, deviceId, signal, onLost } = options;
  let current: Promise<Multiplexer> | undefined;
  let live: WebSocket | undefined;
  /** What the platform said as it ended the last way, where trying again is no use. */
  let final: PlatformError | undefined;

  function watch(ws: WebSocket): void {
    const silence = setTimeout(() => ws.terminate(), silenceMs);
    silence.unref();
    for (const sign of ["ping", "message"]) ws.on(sign, () => silence.refresh());
    ws.once("close", () => clearTimeout(silence));
  }

  async function connect(): Promise<Multiplexer> {
    const { ws, socket } = await openWebSocket(platform, deviceId, signal);
    live = ws;
    let last: PlatformError | undefined;
    const streams = createMultiplexer({
      side: "device",
      link: createMessageLink(ws, socket),
      onViolation: () => ws.terminate(),
    });
    ws.on("error", () => undefined);
    ws.on("message", (data, isBinary) => {
      if (isBinary) return streams.receive(data as Buffer);
      const problem = problemIn((data as Buffer).toString("utf8"));
      last = new PlatformError(problem.status ?? 0, problem);
    });
    ws.once("close", () => {
      const message = last?.message ?? "The connection to the platform broke.";
      [current, live] = [undefined, undefined];
      if (last !== undefined && last.exitCode !== exitCodes.fault) final = last;
      streams.close({ code: "session_ended", message });
      onLost(message);
    });
    watch(ws);
    return streams;
  }

  function way(): Promise<Multiplexer> {
    if (final !== undefined) return Promise.reject(final);
    current ??= connect().catch((error: unknown) => {
      current = undefined;
      throw error;
    });
    return current;
  }

  return {
    async connect() {
      await way();
    },
    open: async (target, giveUp) => (await way()).open(target, giveUp),
    close: () => live?.close(1_000),
  };
}
