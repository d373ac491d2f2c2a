import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";

const piece = Buffer.alloc(262_144, 7);
/** More than any measurement gets through. */
const endless = Number.MAX_SAFE_INTEGER;
/** The order must not come together with what follows it. */
const orderPauseMs = 100;

/** As fast as the socket takes them, and its end after the last one. */
export function sendBytes(socket: Socket, bytes: number): void {
  let left = bytes;
  function more(): void {
    while (left > 0 && !socket.destroyed) {
      const next = left < piece.length ? piece.subarray(0, left) : piece;
      left -= next.length;
      if (!socket.write(next)) return;
    }
    if (left === 0) socket.end();
  }
  socket.on("drain", more);
  more();
}

async function dial(port: number): Promise<Socket> {
  const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
  await once(socket, "connect");
  socket.setNoDelay(true);
  socket.on("error", () => undefined);
  return socket;
}

/** Milliseconds from the order to the last byte. */
export async function download(port: number, bytes: number): Promise<number> {
  const socket = await dial(port);
  const startedAt = performance.now();
  let read = 0;
  socket.on("data", (chunk: Buffer) => (read += chunk.length));
  socket.write(`d${bytes}\n`);
  await once(socket, "end").catch((cause: unknown) => {
    throw new Error(`The download from port ${port} ended after ${read} of ${bytes} bytes.`, { cause });
  });
  const elapsedMs = performance.now() - startedAt;
  socket.destroy();
  if (read !== bytes) throw new Error(`${read} of ${bytes} bytes came.`);
  return elapsedMs;
}

/** Milliseconds from the first byte to the word that all have arrived. */
export async function upload(port: number, bytes: number): Promise<number> {
  const socket = await dial(port);
  socket.write("u\n");
  await pause(orderPauseMs);
  const startedAt = performance.now();
  sendBytes(socket, bytes);
  await once(socket, "data");
  const elapsedMs = performance.now() - startedAt;
  socket.destroy();
  return elapsedMs;
}

/** A download whose reader stands still. Returns what ends it. */
export async function stall(port: number, bytes: number): Promise<() => void> {
  const socket = await dial(port);
  socket.pause();
  socket.write(`d${bytes}\n`);
  return () => socket.destroy();
}

/** Milliseconds for a few bytes to the target and back, one after the other. */
export async function roundTrips(port: number, count: number): Promise<number[]> {
  const socket = await dial(port);
  const times: number[] = [];
  const ask = async (): Promise<number> => {
    const startedAt = performance.now();
    socket.write("0123456789abcdef");
    await once(socket, "data");
    return performance.now() - startedAt;
  };
  socket.write("e\n");
  await pause(orderPauseMs);
  // The first ones find cold code.
  for (let warmUp = 0; warmUp < Math.min(20, count); warmUp += 1) await ask();
  while (times.length < count) times.push(await ask());
  socket.destroy();
  return times;
}

interface Window {
  /** A connection's beginning says little of what it comes to. */
  warmUpMs: number;
  measureMs: number;
}

/** Bytes that arrive within a span of time, over so many connections at once, a second. */
async function rateWithin(counters: (() => number)[], { warmUpMs, measureMs }: Window): Promise<number> {
  const total = (): number => counters.reduce((sum, count) => sum + count(), 0);
  await pause(warmUpMs);
  const [before, startedAt] = [total(), performance.now()];
  await pause(measureMs);
  return ((total() - before) / (performance.now() - startedAt)) * 1_000;
}

/** Bytes a second from the target, over so many connections together. */
export async function downloadRate(port: number, connections: number, window: Window): Promise<number> {
  const sockets = await Promise.all(Array.from({ length: connections }, () => dial(port)));
  const counters = sockets.map((socket) => {
    let bytes = 0;
    socket.on("data", (chunk: Buffer) => (bytes += chunk.length));
    socket.write(`d${endless}\n`);
    return () => bytes;
  });
  const rate = await rateWithin(counters, window);
  for (const socket of sockets) socket.resetAndDestroy();
  return rate;
}

/** Bytes a second to the target, as it counts them, over so many connections together. */
export async function uploadRate(port: number, connections: number, window: Window): Promise<number> {
  const sockets = await Promise.all(Array.from({ length: connections }, () => dial(port)));
  const counters = sockets.map((socket) => {
    let bytes = 0;
    let rest = "";
    socket.on("data", (chunk: Buffer) => {
      const lines = (rest + chunk.toString("utf8")).split("\n");
      rest = lines.pop() ?? "";
      bytes = Number(lines.at(-1) ?? bytes);
    });
    socket.write("c\n");
    return () => bytes;
  });
  await pause(orderPauseMs);
  for (const socket of sockets) sendBytes(socket, endless);
  const rate = await rateWithin(counters, window);
  for (const socket of sockets) socket.resetAndDestroy();
  return rate;
}
