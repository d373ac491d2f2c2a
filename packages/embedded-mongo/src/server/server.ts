import { chmodSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import type { Encoder } from "../bson/encode.ts";
import type { Engine } from "../engine/engine.ts";
import { CommandError } from "../errors.ts";
import { MAX_MESSAGE_BYTES } from "../commands/admin-commands.ts";
import { formatReply, parseMessage, type WireMessage } from "./wire.ts";

const HEADER_BYTES = 16;
/** A little over the largest message, for the fields around the documents. */
const LARGEST_MESSAGE = MAX_MESSAGE_BYTES + 64 * 1024;

export interface WireServer {
  stop(): Promise<void>;
}

/** Listens on a unix socket, 0600. Rejects when the path cannot be bound. */
export async function listen(options: {
  socketPath: string;
  engine: Pick<Engine, "submit">;
  encoder: Encoder;
  onError: (error: unknown) => void;
}): Promise<WireServer> {
  const { socketPath, engine, encoder, onError } = options;
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    // A client may go away at any time; what it had asked for is carried out all the same.
    socket.on("error", () => socket.destroy());
    serve(socket, ++connections, { engine, encoder, onError });
  });
  rmSync(socketPath, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(socketPath, resolve);
  });
  chmodSync(socketPath, 0o600);
  return { stop: () => stopServer(server, sockets) };
}

function stopServer(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    for (const socket of sockets) socket.destroy();
  });
}

function serve(
  socket: Socket,
  connectionId: number,
  options: { engine: Pick<Engine, "submit">; encoder: Encoder; onError: (error: unknown) => void },
): void {
  const { engine, encoder, onError } = options;
  let replies = 0;

  const handle = (message: Buffer): void => {
    const request = parse(message);
    if (!request) return;
    const { command, db, silent } = request;
    const respond = (reply: Parameters<typeof formatReply>[3]): void => {
      if (!silent && !socket.destroyed) socket.write(formatReply(encoder, request, ++replies, reply));
    };
    engine.submit({ connectionId, command, db, respond, disconnect: () => socket.destroy() });
  };

  const parse = (message: Buffer): WireMessage | undefined => {
    try {
      return parseMessage(message);
    } catch (error) {
      if (!(error instanceof CommandError)) onError(error);
      refuseMalformed(message, error);
      return undefined;
    }
  };

  /** A message that could be framed but not read is answered; one that could not ends the connection. */
  const refuseMalformed = (message: Buffer, error: unknown): void => {
    if (!(error instanceof CommandError)) {
      socket.destroy();
      return;
    }
    const request = {
      requestId: message.readInt32LE(4),
      db: "",
      command: new Map(),
      silent: false,
      legacy: false,
    };
    const reply = new Map<string, string | number>([
      ["ok", 0],
      ["errmsg", error.message],
      ["code", error.code],
      ["codeName", error.codeName],
    ]);
    socket.write(formatReply(encoder, request, ++replies, reply));
  };

  frameMessages(socket, handle);
}

/** Puts the chunks of a stream together to messages. A length out of bounds ends the connection. */
function frameMessages(socket: Socket, handle: (message: Buffer) => void): void {
  let chunks: Buffer[] = [];
  let buffered = 0;
  socket.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    buffered += chunk.length;
    while (buffered >= HEADER_BYTES) {
      const size = sizeOfFirst(chunks);
      if (size < HEADER_BYTES || size > LARGEST_MESSAGE) {
        socket.destroy();
        return;
      }
      if (buffered < size) return;
      const joined = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, buffered);
      buffered -= size;
      chunks = buffered > 0 ? [joined.subarray(size)] : [];
      handle(joined.subarray(0, size));
    }
  });
}

/** The first chunk may be shorter than the length it begins with. */
function sizeOfFirst(chunks: Buffer[]): number {
  const first = chunks[0] as Buffer;
  if (first.length >= 4) return first.readInt32LE(0);
  return Buffer.concat(chunks).readInt32LE(0);
}
