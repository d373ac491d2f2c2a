import type { TLSSocket } from "node:tls";
import {
  ackEnvelope,
  channelPath,
  createMultiplexer,
  createSocketLink,
  deviceCalls,
  limits,
  type AcceptStream,
  type DeviceEvent,
  type DeviceRequest,
  type DeviceResponse,
  type Multiplexer,
  type StreamDataSink,
  type StreamFrameSink,
} from "@rciots/protocol";
import { AppError, createYoungGarbage, type Logger } from "@rciots/runtime";
import { Manager, type ManagerOptions, type Socket } from "socket.io-client";
import { clientParser } from "./client-parser.ts";
import { GuardedTransport, type GuardedTransportOptions } from "./guarded-transport.ts";
import { createCallDispatcher, type PlatformHandlers } from "./call-dispatcher.ts";
import { endByError, endByHttp, endByRefusal, sessionError, type SessionEnd } from "./session-fault.ts";

/** No byte for this long and the path is dead, whatever heartbeat the peer promised. */
export const silenceLimitMs = 26_000;
/** A peer that takes nothing while it asks for more is cut before its answers fill the memory. */
const maxUnsentMessages = 1_024;

type Listener = (...args: unknown[]) => void;
type ChannelSocket = Socket<Record<string, Listener>, Record<string, Listener>>;

export interface SessionOptions {
  /** Open and verified; the session owns it from here on. */
  socket: TLSSocket;
  /** `wss://host:port`. */
  edgeUrl: string;
  auth: { deviceId: string; deviceToken: string };
  headers?: Readonly<Record<string, string>> | undefined;
  handlers: PlatformHandlers;
  /** Takes up the streams that the platform opens; absent, their frames count as violations. */
  acceptStream?: AcceptStream | undefined;
  logger: Logger;
}

export interface Session {
  /**
   * Calls the platform. Rejects with the platform's code where it refuses, with `ack_timeout` after `timeoutMs`
   * (default: the contract's), with `session_ended` when the session is over, with `bad_answer` where the answer
   * is not what the contract says.
   */
  call<Event extends DeviceEvent>(
    event: Event,
    payload: DeviceRequest<Event>,
    options?: { timeoutMs?: number },
  ): Promise<DeviceResponse<Event>>;
  /** Resolves once, when it is over. */
  readonly ended: Promise<SessionEnd>;
  /** Ends it from this side; with `abrupt` without waiting for what is under way. */
  close(end: SessionEnd, options?: { abrupt?: boolean }): void;
}

/** Speaks socket.io over an open connection. Resolves once the platform has accepted the device. */
export async function openSession(options: SessionOptions): Promise<Session> {
  const { socket, auth } = options;
  const lifecycle = createLifecycle(socket);
  const streamData: StreamDataSink = {};
  const manager = new Manager(options.edgeUrl, managerOptions(options, lifecycle, streamData));
  const io: ChannelSocket = manager.socket("/", { auth });
  const dispatcher = createCallDispatcher({
    handlers: options.handlers,
    logger: options.logger,
    onAbuse: (message) => lifecycle.end({ code: "abuse", message }),
    onClose: (end) => {
      lifecycle.fail(end);
      // After its answer has gone out.
      setImmediate(() => lifecycle.end(end));
    },
  });
  const closeStreams = serveStreams(options, manager, lifecycle, {
    streamData,
    isWelcome: () => io.connected,
  });
  lifecycle.onEnd((isAbrupt) => {
    closeStreams();
    disconnect(io, socket, isAbrupt);
  });
  watchSilence(manager, socket, lifecycle);
  // What is held back until the platform's welcome is held in memory: allow a little of it.
  let earlyPackets = 0;
  manager.on("packet", () => {
    earlyPackets += io.connected ? 0 : 1;
    if (earlyPackets > 16) lifecycle.end({ code: "abuse", message: "messages before the welcome" });
  });
  io.onAny((event: string, ...args: unknown[]) => {
    if (lifecycle.isEnded()) return;
    dispatcher.dispatch(event, args);
    if (unsentMessages(manager) > maxUnsentMessages)
      lifecycle.end({ code: "abuse", message: "the platform asks on without taking the answers" });
  });
  io.on("disconnect", (reason) =>
    lifecycle.end(lifecycle.failure() ?? { code: "closed", message: String(reason) }),
  );
  io.connect();
  await welcome(io, lifecycle);
  return {
    call: (event, payload, { timeoutMs = limits.ackTimeoutMs } = {}) => call(io, event, payload, timeoutMs),
    ended: lifecycle.ended,
    close: (end, { abrupt = false } = {}) => lifecycle.end(end, abrupt),
  };
}

/** The multiplexer is made with the first frame: most sessions never carry a stream. Returns what ends the streams. */
function serveStreams(
  { socket, acceptStream }: SessionOptions,
  manager: Manager,
  lifecycle: Lifecycle,
  { streamData, isWelcome }: { streamData: StreamDataSink; isWelcome: () => boolean },
): () => void {
  if (acceptStream === undefined) return () => undefined;
  const garbage = createYoungGarbage();
  let streams: Multiplexer | undefined;

  function begin(accept: AcceptStream): Multiplexer {
    const begun = createMultiplexer({
      side: "device",
      link: createSocketLink(socket, { isClient: true }),
      accept,
      onData: (_direction, bytes) => garbage.note(bytes),
      onViolation: (reason) => lifecycle.end({ code: "abuse", message: `the platform sent ${reason}` }),
    });
    streamData.onStreamData = (id, bytes) => {
      if (!lifecycle.isEnded()) begun.receiveData(id, bytes);
    };
    return begun;
  }

  (manager as unknown as { decoder: StreamFrameSink }).decoder.onStreamFrame = (frame) => {
    if (lifecycle.isEnded()) return;
    if (!isWelcome()) return lifecycle.end({ code: "abuse", message: "a stream before the welcome" });
    streams ??= begin(acceptStream);
    streams.receive(frame);
  };
  return () => streams?.close({ code: "session_ended", message: "The session with the platform is over." });
}

interface Lifecycle {
  readonly ended: Promise<SessionEnd>;
  end(end: SessionEnd, isAbrupt?: boolean): void;
  isEnded(): boolean;
  onEnd(listener: (isAbrupt: boolean) => void): void;
  /** What the network or HTTP said, if anything. */
  failure(): SessionEnd | undefined;
  fail(end: SessionEnd): void;
}

/** The first reason given is the reason; everything after it is its consequence. */
function createLifecycle(socket: TLSSocket): Lifecycle {
  let resolveEnded: (end: SessionEnd) => void = () => undefined;
  const ended = new Promise<SessionEnd>((resolve) => (resolveEnded = resolve));
  let isEnded = false;
  let failed: SessionEnd | undefined;
  let listener: (isAbrupt: boolean) => void = () => undefined;
  socket.on("error", (error) => (failed ??= endByError(error)));
  return {
    ended,
    isEnded: () => isEnded,
    end(end, isAbrupt = end.code === "abuse") {
      if (isEnded) return;
      isEnded = true;
      listener(isAbrupt);
      resolveEnded(end);
    },
    onEnd: (next) => (listener = next),
    failure: () => failed,
    fail: (end) => (failed ??= end),
  };
}

function managerOptions(
  options: SessionOptions,
  lifecycle: Lifecycle,
  streamData: StreamDataSink,
): Partial<ManagerOptions> {
  const { socket, edgeUrl, headers } = options;
  const guard: GuardedTransportOptions["guard"] = {
    socket,
    streamData,
    onViolation: (reason) => lifecycle.end({ code: "abuse", message: `the platform sent ${reason}` }),
    onHttpRefusal: (status, retryAfter) => lifecycle.fail(endByHttp(status, retryAfter)),
  };
  const transport = { guard, transports: [GuardedTransport] };
  return {
    ...transport,
    path: `${new URL(edgeUrl).pathname.replace(/\/+$/, "")}${channelPath}`,
    parser: clientParser,
    // Sessions are begun by the connect loop alone: it knows why the one before ended.
    reconnection: false,
    autoConnect: false,
    timeout: limits.ackTimeoutMs,
    ...(headers === undefined ? {} : { extraHeaders: { ...headers } }),
  };
}

/** Resolves with the platform's CONNECT, rejects with its refusal. */
async function welcome(io: ChannelSocket, lifecycle: Lifecycle): Promise<void> {
  const accepted = new Promise<"accepted">((resolve) => io.once("connect", () => resolve("accepted")));
  io.on("connect_error", (error) => lifecycle.end(lifecycle.failure() ?? endByRefusal(error)));
  // An open connection that never says anything is no session either.
  const timer = setTimeout(
    () => lifecycle.end({ code: "no_welcome", message: "The platform did not answer." }, true),
    limits.ackTimeoutMs,
  );
  const first = await Promise.race([accepted, lifecycle.ended]);
  clearTimeout(timer);
  if (first !== "accepted") throw sessionError(first);
}

async function call<Event extends DeviceEvent>(
  io: ChannelSocket,
  event: Event,
  payload: DeviceRequest<Event>,
  timeoutMs: number,
): Promise<DeviceResponse<Event>> {
  if (!io.connected) throw sessionEnded();
  const answer = await acknowledged(io, event, payload, timeoutMs);
  const envelope = ackEnvelope.safeParse(answer);
  if (!envelope.success) throw badAnswer(event);
  if (!envelope.data.ok) throw refused(envelope.data.error);
  const data = deviceCalls[event].response.safeParse(envelope.data.data);
  if (!data.success) throw badAnswer(event);
  return data.data as DeviceResponse<Event>;
}

async function acknowledged(
  io: ChannelSocket,
  event: string,
  payload: unknown,
  timeoutMs: number,
): Promise<unknown> {
  try {
    return await (io.timeout(timeoutMs).emitWithAck(event, payload) as Promise<unknown>);
  } catch (error) {
    if (!io.connected) throw sessionEnded();
    throw new AppError({
      code: "ack_timeout",
      status: 504,
      message: `The platform did not answer ${event} in ${timeoutMs} ms.`,
      cause: error,
    });
  }
}

/** Bytes count, not messages: a slow link may take longer over one message than a heartbeat lasts. */
function watchSilence(manager: Manager, socket: TLSSocket, lifecycle: Lifecycle): void {
  let seenBytes = socket.bytesRead;
  const timer = setTimeout(() => {
    if (socket.bytesRead === seenBytes)
      return lifecycle.end({ code: "no_heartbeat", message: "The connection went silent." }, true);
    seenBytes = socket.bytesRead;
    timer.refresh();
  }, silenceLimitMs);
  manager.on("ping", () => timer.refresh());
  void lifecycle.ended.then(() => clearTimeout(timer));
}

/** Messages that wait for the connection to take them. */
function unsentMessages(manager: Manager): number {
  return (manager as unknown as { engine?: { writeBuffer?: unknown[] } }).engine?.writeBuffer?.length ?? 0;
}

const closingHandshakeMs = 1_000;

function disconnect(io: ChannelSocket, socket: TLSSocket, isAbrupt: boolean): void {
  if (isAbrupt) socket.destroy();
  else if (!socket.destroyed) {
    const timer = setTimeout(() => socket.destroy(), closingHandshakeMs);
    socket.once("close", () => clearTimeout(timer));
  }
  io.disconnect();
}

function sessionEnded(): AppError {
  return new AppError({
    code: "session_ended",
    status: 503,
    message: "The session with the platform is over.",
  });
}

function badAnswer(event: string): AppError {
  return new AppError({
    code: "bad_answer",
    status: 502,
    message: `The platform's answer to ${event} is not what the contract says.`,
  });
}

function refused({ code, message, details }: RefusedAck): AppError {
  return new AppError({ code, status: 409, message, ...(details === undefined ? {} : { details }) });
}

interface RefusedAck {
  code: string;
  message: string;
  details?: Record<string, unknown> | undefined;
}
