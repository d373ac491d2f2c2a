import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { connect, createServer, Socket, type AddressInfo, type Server } from "node:net";
import { createPair, type Pair } from "./link-pair.fixture.ts";
import { createReadPool, createReader } from "./read-pool.ts";
import { resetSocket } from "./reset-socket.ts";
import { joinSocket } from "./socket-edge.ts";
import { createStreamDuplex } from "./stream-duplex.ts";

async function until(isTrue: () => boolean): Promise<void> {
  const giveUpAt = Date.now() + 50_000;
  while (!isTrue()) {
    if (Date.now() > giveUpAt) assert.fail("it did not come to that");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const listen = async (server: Server): Promise<number> => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
};

describe("a stream between two sockets", function () {
  this.timeout(60_000);
  let target: Server;
  let entry: Server;
  let pair: Pair;
  let onTarget: (socket: Socket) => void;
  let atTarget: Socket[];
  const closed: (string | undefined)[] = [];

  /** Through `entry`, the two multiplexers and a connection that the device end makes, to `target`. */
  async function dial(): Promise<Socket> {
    const socket = connect({
      host: "127.0.0.1",
      port: (entry.address() as AddressInfo).port,
      allowHalfOpen: true,
    });
    socket.on("error", () => undefined);
    await once(socket, "connect");
    return socket;
  }

  beforeEach(async () => {
    closed.length = 0;
    atTarget = [];
    target = createServer({ allowHalfOpen: true }, (socket) => {
      atTarget.push(socket);
      socket.on("error", () => undefined);
      onTarget(socket);
    });
    const port = await listen(target);
    const pool = createReadPool();
    pair = createPair({
      accept: async () => {
        const reader = createReader(pool);
        let read: (bytes: Buffer) => boolean = () => true;
        const socket = new Socket({
          allowHalfOpen: true,
          onread: { buffer: () => reader.next(), callback: (count: number) => read(reader.filled(count)) },
        } as never);
        socket.connect({ host: "127.0.0.1", port });
        await once(socket, "connect");
        return (stream) => {
          read = joinSocket(stream, socket, { readsByHand: true }).onRead;
        };
      },
    });
    entry = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
      void pair.platform.open({}).then((stream) => {
        joinSocket(stream, socket, { onClose: (fault) => void closed.push(fault?.code) });
        socket.resume();
      });
    });
    await listen(entry);
  });

  afterEach(() => {
    pair.platform.close({ code: "session_ended", message: "" });
    pair.device.close({ code: "session_ended", message: "" });
    for (const socket of atTarget) socket.destroy();
    target.close();
    entry.close();
  });

  it("carries a large file both ways at once, unchanged", async () => {
    const bytes = Buffer.alloc(24 * 1_048_576);
    for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32LE(Math.imul(at, 2_654_435_761) >>> 0, at);
    const hashOf = (from: Socket): Promise<string> =>
      new Promise((resolve) => {
        const hash = createHash("sha256");
        from.on("data", (chunk: Buffer) => hash.update(chunk));
        from.on("end", () => resolve(hash.digest("hex")));
      });
    let atTargetHash: Promise<string> | undefined;
    onTarget = (socket) => {
      atTargetHash = hashOf(socket);
      socket.end(bytes);
    };
    const socket = await dial();
    const back = hashOf(socket);
    socket.end(bytes);
    const expected = createHash("sha256").update(bytes).digest("hex");
    assert.equal(await back, expected);
    assert.equal(await atTargetHash, expected);
    await until(() => closed.length === 1 && pair.platform.streams === 0 && pair.device.streams === 0);
    assert.deepEqual(closed, [undefined]);
    assert.deepEqual(pair.violations, []);
  });

  it("answers after the client has said its last word", async () => {
    onTarget = (socket) => {
      let text = "";
      socket.on("data", (chunk: Buffer) => (text += chunk.toString()));
      socket.on("end", () => socket.end(text.toUpperCase()));
    };
    const socket = await dial();
    socket.end("hello");
    const [answer] = (await once(socket, "data")) as [Buffer];
    assert.equal(answer.toString(), "HELLO");
    await once(socket, "end");
  });

  it("maps a reset of the target's to one of the client's, and the other way round", async () => {
    onTarget = (socket) => void socket.once("data", () => resetSocket(socket));
    const socket = await dial();
    const broken = once(socket, "error");
    socket.write("x");
    const [error] = (await broken) as [NodeJS.ErrnoException];
    assert.equal(error.code, "ECONNRESET");
    await until(() => closed.length === 1);
    assert.deepEqual(closed, ["connection_reset"]);

    let isReset = false;
    onTarget = (other) =>
      void other.on("error", ({ code }: NodeJS.ErrnoException) => (isReset = code === "ECONNRESET"));
    const second = await dial();
    second.write("x");
    // A reset that comes together with data looks like an end to Node.
    await until(() => atTarget[1]?.bytesRead === 1);
    resetSocket(second);
    await until(() => isReset && pair.platform.streams === 0 && pair.device.streams === 0);
  });

  it("holds no more than a window for a client that does not read, and goes on when it does", async () => {
    const total = 30 * 1_048_576;
    onTarget = (socket) => void socket.end(Buffer.alloc(total, 7));
    const socket = await dial();
    socket.pause();
    let before = -1;
    await until(() => {
      const held = pair.platform.heldBytes;
      const isSteady = held > 0 && held === before;
      before = held;
      return isSteady;
    });
    assert.ok(before <= 1_048_576, `${before} bytes are held`);
    let read = 0;
    socket.on("data", (chunk: Buffer) => (read += chunk.length));
    socket.resume();
    await until(() => read === total);
  });

  it("is cut with the session", async () => {
    onTarget = (socket) => void socket.write("hello");
    const socket = await dial();
    await once(socket, "data");
    const broken = once(socket, "error");
    pair.platform.close({ code: "session_ended", message: "over" });
    await broken;
    assert.deepEqual(closed, ["session_ended"]);
  });
});

describe("a stream as a Duplex", () => {
  it("carries text both ways, ends, and keeps to what the reader takes", async () => {
    const pair = createPair({
      accept: async () => (stream) => {
        const duplex = createStreamDuplex(stream);
        duplex.pipe(duplex);
      },
    });
    const duplex = createStreamDuplex(await pair.platform.open({}));
    const sent = Buffer.alloc(3_000_000, "abcdefg");
    const chunks: Buffer[] = [];
    duplex.on("data", (chunk: Buffer) => chunks.push(chunk));
    duplex.end(sent);
    await once(duplex, "end");
    assert.ok(Buffer.concat(chunks).equals(sent));
    await until(() => pair.platform.streams === 0 && pair.device.streams === 0);
  });

  it("fails with the peer's words where it is reset, and resets where it is destroyed", async () => {
    const faults: string[] = [];
    const pair = createPair({
      accept: async (target) => (stream) => {
        if (target === "reset")
          setImmediate(() => stream.reset({ code: "connection_reset", message: "gone" }));
        else
          stream.listen({
            onData: () => undefined,
            onEnd: () => undefined,
            onWritable: () => undefined,
            onReset: ({ code }) => void faults.push(code),
          });
      },
    });
    const broken = createStreamDuplex(await pair.platform.open("reset"));
    const [error] = (await once(broken, "error")) as [Error & { code: string }];
    assert.equal(error.code, "connection_reset");
    const left = createStreamDuplex(await pair.platform.open("listen"));
    left.destroy();
    await until(() => faults.length === 1);
    assert.deepEqual(faults, ["closed"]);
  });
});
