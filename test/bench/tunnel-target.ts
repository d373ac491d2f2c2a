import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

const piece = Buffer.alloc(262_144, 7);

/** A TCP server that sends as many bytes as it is asked for (`d<count>\n`), or takes all and then says so (`u\n`). */
export async function startTunnelTarget(): Promise<{ port: number; stop(): void }> {
  const sockets = new Set<Socket>();
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
    socket.once("data", (order: Buffer) => {
      if (order[0] === 0x75) {
        socket.on("data", () => undefined);
        socket.on("end", () => socket.end("."));
      } else send(socket, Number(order.toString("utf8", 1)));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    stop() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function send(socket: Socket, bytes: number): void {
  let left = bytes;
  function more(): void {
    while (left > 0) {
      const next = left < piece.length ? piece.subarray(0, left) : piece;
      left -= next.length;
      if (!socket.write(next)) return;
    }
    socket.end();
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
  // The order must not come together with what follows it.
  await new Promise((resolve) => setTimeout(resolve, 100));
  const startedAt = performance.now();
  send(socket, bytes);
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
