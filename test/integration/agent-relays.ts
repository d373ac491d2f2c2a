import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

/** Small real things that stand between an agent and the platform. */
export interface Relay {
  readonly port: number;
  /** Targets it connected to, as `host:port`. */
  readonly targets: string[];
  /** Clients it turned away. */
  refused(): number;
  stop(): Promise<void>;
}

async function listen(
  server: Server,
  targets: string[],
  sockets: Set<Socket>,
  refused: () => number = () => 0,
): Promise<Relay> {
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    targets,
    refused,
    async stop() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function join(one: Socket, other: Socket): void {
  one.on("error", () => other.destroy());
  other.on("error", () => one.destroy());
  one.pipe(other).pipe(one);
}

/** An HTTP proxy that takes CONNECT, with a user and a password where `credentials` are given. */
export async function startHttpProxy(credentials?: string): Promise<Relay> {
  const targets: string[] = [];
  const sockets = new Set<Socket>();
  let refused = 0;
  const server = createHttpServer((_request, response) => response.writeHead(405).end());
  server.on("connect", (request, socket: Socket, head) => {
    const wanted = credentials && `Basic ${Buffer.from(credentials).toString("base64")}`;
    if (wanted !== undefined && request.headers["proxy-authorization"] !== wanted) {
      refused += 1;
      socket.end("HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n");
      return;
    }
    const [, host = "", port = ""] = /^\[?([^\]]+?)\]?:(\d+)$/.exec(request.url ?? "") ?? [];
    targets.push(`${host}:${port}`);
    const upstream = connect(Number(port), host, () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      upstream.write(head);
      join(socket, upstream);
    });
    sockets.add(upstream);
    upstream.on("error", () => socket.end("HTTP/1.1 502 Bad Gateway\r\n\r\n"));
  });
  return listen(server, targets, sockets, () => refused);
}

/** SOCKS 5 (RFC 1928) with CONNECT by name or IPv4 address; with RFC 1929 where a user is given. */
export async function startSocksProxy(user?: string, password = ""): Promise<Relay> {
  const targets: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => void serveSocks(socket).catch(() => socket.destroy()));

  async function serveSocks(socket: Socket): Promise<void> {
    const read = reader(socket);
    const [, methods = 0] = await read(2);
    const offered = await read(methods);
    const method = user === undefined ? 0 : 2;
    if (!offered.includes(method)) return void socket.end(Buffer.from([5, 0xff]));
    socket.write(Buffer.from([5, method]));
    if (method === 2 && !(await isKnown(read, socket))) return;
    const [, , , kind = 0] = await read(4);
    const host =
      kind === 1 ? [...(await read(4))].join(".") : (await read((await read(1))[0] ?? 0)).toString("utf8");
    const port = (await read(2)).readUInt16BE();
    targets.push(`${host}:${port}`);
    const upstream = connect(port, host);
    sockets.add(upstream);
    await once(upstream, "connect");
    socket.write(Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
    join(socket, upstream);
  }

  async function isKnown(read: (count: number) => Promise<Buffer>, socket: Socket): Promise<boolean> {
    const [, userLength = 0] = await read(2);
    const name = (await read(userLength)).toString();
    const secret = (await read((await read(1))[0] ?? 0)).toString();
    const isRight = name === user && secret === password;
    socket.write(Buffer.from([1, isRight ? 0 : 1]));
    if (!isRight) socket.end();
    return isRight;
  }

  return listen(server, targets, sockets);
}

/** Resolves with exactly the next `count` bytes. */
function reader(socket: Socket): (count: number) => Promise<Buffer> {
  return async (count) => {
    if (count === 0) return Buffer.alloc(0);
    for (;;) {
      const chunk = socket.read(count) as Buffer | null;
      if (chunk !== null) return chunk;
      await once(socket, "readable");
    }
  };
}

/** Passes bytes on until it is told to swallow them, with the connections left open: a path that died silently. */
export async function startStallingRelay(targetPort: number): Promise<Relay & { stall(): void }> {
  const targets: string[] = [];
  const sockets = new Set<Socket>();
  const pairs: [Socket, Socket][] = [];
  let isStalled = false;
  const server = createServer((socket) => {
    if (isStalled) return;
    const upstream = connect(targetPort, "127.0.0.1");
    sockets.add(upstream);
    pairs.push([socket, upstream]);
    join(socket, upstream);
  });
  const relay = await listen(server, targets, sockets);
  return {
    ...relay,
    stall() {
      isStalled = true;
      for (const [one, other] of pairs) {
        one.unpipe(other);
        other.unpipe(one);
        one.resume();
        other.resume();
      }
    },
  };
}
