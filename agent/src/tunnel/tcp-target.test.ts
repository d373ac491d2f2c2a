import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo, type Server } from "node:net";
import { createReadPool } from "@rciots/protocol";
import { parseAllowList } from "./allow-list.ts";
import { connectTarget } from "./tcp-target.ts";

describe("connecting to a target", () => {
  let server: Server;
  let port: number;
  const pool = createReadPool();
  const connect = (
    host: string,
    options: {
      allow?: string[];
      port?: number;
      timeoutMs?: number;
      signal?: AbortSignal;
      resolve?: (host: string) => Promise<string[]>;
    } = {},
  ) =>
    connectTarget(
      { kind: "tcp", host, port: options.port ?? port },
      {
        allowList: parseAllowList(options.allow ?? ["loopback"]),
        pool,
        timeoutMs: options.timeoutMs ?? 5_000,
        signal: options.signal ?? new AbortController().signal,
        resolve: options.resolve,
      },
    );

  before(async () => {
    server = createServer((socket) => void socket.on("error", () => undefined).end("hello"));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    ({ port } = server.address() as AddressInfo);
  });
  after(() => server.close());

  for (const host of ["127.0.0.1", "localhost", "0.0.0.0", "::ffff:127.0.0.1"]) {
    it(`reaches the device itself as ${host}, and reads what it says`, async () => {
      const { socket, onRead } = await connect(host);
      let text = "";
      onRead((bytes) => {
        text += bytes.toString();
        return true;
      });
      socket.resume();
      await once(socket, "end");
      assert.equal(text, "hello");
      socket.end();
    });
  }

  it("is refused where the list does not have it, before anything is sent", async () => {
    await assert.rejects(connect("192.0.2.1"), { code: "target_not_allowed" });
    await assert.rejects(connect("127.0.0.1", { allow: ["loopback:1"] }), { code: "target_not_allowed" });
    await assert.rejects(connect("0.0.0.0", { allow: ["10.0.0.0/8"] }), { code: "target_not_allowed" });
    await assert.rejects(connect("::", { allow: ["0.0.0.0/0"] }), { code: "target_not_allowed" });
  });

  it("checks what a name resolves to, and connects to no other address of it", async () => {
    let asked = 0;
    const rebinding = async (): Promise<string[]> => {
      asked += 1;
      return asked === 1 ? ["192.0.2.1"] : ["127.0.0.1"];
    };
    await assert.rejects(connect("rebind.test", { resolve: rebinding }), { code: "target_not_allowed" });
    assert.equal(asked, 1);
    const { socket } = await connect("both.test", { resolve: async () => ["192.0.2.1", "127.0.0.1"] });
    assert.equal(socket.remoteAddress, "127.0.0.1");
    socket.destroy();
  });

  it("takes the next address where one does not answer", async () => {
    const { socket } = await connect("many.test", { resolve: async () => ["127.0.0.2", "::1", "127.0.0.1"] });
    assert.equal(socket.remoteAddress, "127.0.0.1");
    socket.destroy();
  });

  it("tells a closed port, an unknown name and a slow name apart", async () => {
    const closed = createServer().listen(0, "127.0.0.1");
    await once(closed, "listening");
    const closedPort = (closed.address() as AddressInfo).port;
    closed.close();
    await once(closed, "close");
    await assert.rejects(connect("127.0.0.1", { port: closedPort }), { code: "connection_refused" });
    const unknown = Object.assign(new Error("unknown"), { code: "ENOTFOUND" });
    await assert.rejects(connect("nowhere.test", { resolve: () => Promise.reject(unknown) }), {
      code: "name_not_found",
    });
    await assert.rejects(
      connect("slow.test", { timeoutMs: 50, resolve: () => new Promise(() => undefined) }),
      { code: "connect_timeout" },
    );
  });

  it("stops where the platform gives it up", async () => {
    const giveUp = new AbortController();
    const connecting = connect("slow.test", {
      signal: giveUp.signal,
      resolve: () => new Promise(() => undefined),
    });
    giveUp.abort();
    await assert.rejects(connecting);
  });
});
