import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Auth } from "./auth.ts";
import { createTransport, type Transport, type TransportOptions } from "./transport.ts";

type Handler = (request: IncomingMessage, response: ServerResponse, call: number) => void;

const status = (code: number, reason: string, message: string, details = {}) =>
  JSON.stringify({ kind: "Status", code, reason, message, details });

describe("when a request goes to an API server", () => {
  let server: Server;
  let handler: Handler;
  let calls: IncomingMessage[];
  let transport: Transport;
  let invalidated: number;

  const create = (options: Partial<TransportOptions> = {}): Transport => {
    const { port } = server.address() as AddressInfo;
    const auth: Auth = {
      credentials: async () => ({
        server: `http://127.0.0.1:${port}`,
        headers: { authorization: `Bearer ${invalidated}` },
        tls: {},
      }),
      invalidate: () => void (invalidated += 1),
    };
    return (transport = createTransport({
      auth,
      userAgent: "test",
      minBackoffMs: 1,
      maxBackoffMs: 5,
      ...options,
    }));
  };

  beforeEach(async () => {
    [calls, invalidated] = [[], 0];
    server = createServer((request, response) => {
      calls.push(request);
      handler(request, response, calls.length);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });
  afterEach(async () => {
    transport?.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const get = (path = "/x", more = {}) => transport.send({ method: "GET", path, ...more });

  it("keeps its connection for the next request", async () => {
    handler = (_request, response) => response.end("{}");
    create();
    for (let index = 0; index < 3; index++) await get();
    assert.equal(new Set(calls.map(({ socket }) => socket.remotePort)).size, 1);
  });

  it("repeats after 429 and 5xx, and waits as long as it is told", async () => {
    handler = (_request, response, call) => {
      if (call === 1) return response.writeHead(429, { "retry-after": "1" }).end();
      if (call === 2) return response.writeHead(503).end();
      return response.end("done");
    };
    create();
    const startedMs = performance.now();
    assert.equal((await get()).toString(), "done");
    assert.ok(performance.now() - startedMs >= 950);
  });

  it("keeps the server's own words of a refusal and does not repeat it", async () => {
    handler = (_request, response) =>
      response.writeHead(422).end(status(422, "Invalid", "spec.x: Required value"));
    create();
    await assert.rejects(get(), {
      name: "KubeError",
      status: 422,
      reason: "Invalid",
      message: "spec.x: Required value",
    });
    assert.equal(calls.length, 1);
  });

  it("takes an object that does not fit its schema for the sender's fault, although it is answered with 500", async () => {
    const message =
      "failed to create typed patch object (a/x; v1, Kind=X): .spec.y: field not declared in schema";
    handler = (_request, response) => response.writeHead(500).end(status(500, "", message));
    create();
    await assert.rejects(get(), { status: 422, reason: "Invalid", message });
    assert.equal(calls.length, 1);
  });

  it("reads credentials anew after 401, once", async () => {
    handler = (request, response) => {
      if (request.headers.authorization === "Bearer 1") response.end("ok");
      else response.writeHead(401).end();
    };
    create();
    assert.equal((await get()).toString(), "ok");
    handler = (_request, response) =>
      response.writeHead(401).end(status(401, "Unauthorized", "Unauthorized"));
    calls = [];
    await assert.rejects(get(), { status: 401 });
    assert.equal(calls.length, 2);
  });

  it("says that the server can't be reached after it tried for a while", async () => {
    create({ attempts: 3 });
    const closed = server;
    await new Promise((resolve) => closed.close(resolve));
    await assert.rejects(get(), { reason: "Unreachable", status: 503 });
    server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });

  it("repeats a request whose connection was cut, in the head or in the body of its answer", async () => {
    handler = (request, response, call) => {
      if (call === 1) return void request.socket.destroy();
      if (call === 2) {
        response.writeHead(200, { "content-length": "10" });
        return void response.write("half", () => request.socket.destroy());
      }
      return response.end("whole");
    };
    create();
    assert.equal((await get()).toString(), "whole");
    assert.equal(calls.length, 3);
  });

  it("gives up a server that does not answer, after a second try", async () => {
    handler = () => undefined;
    create({ requestTimeoutMs: 50 });
    await assert.rejects(get(), { reason: "Timeout", status: 504 });
    assert.equal(calls.length, 2);
  });

  it("gives up an answer that trickles in for ever", async () => {
    handler = (_request, response) => {
      response.write("x");
      const timer = setTimeout(function again() {
        if (!response.destroyed) response.write("x", () => setTimeout(again, 10));
      }, 10);
      response.on("close", () => clearTimeout(timer));
    };
    create({ requestTimeoutMs: 100 });
    await assert.rejects(get(), { reason: "Timeout" });
  });

  it("refuses an answer larger than its limit without keeping it", async () => {
    handler = (_request, response) => response.end(Buffer.alloc(100_000));
    create();
    await assert.rejects(get("/x", { maxResponseBytes: 1_000 }), { reason: "ResponseTooLarge" });
    assert.equal(calls.length, 1);
  });

  it("ends at once when it is aborted, in flight and between two tries", async () => {
    handler = () => undefined;
    create();
    const inFlight = new AbortController();
    const first = get("/x", { signal: inFlight.signal });
    setTimeout(() => inFlight.abort(new Error("enough")), 20);
    await assert.rejects(first, /enough/);
    handler = (_request, response) => response.writeHead(429, { "retry-after": "20" }).end();
    const between = new AbortController();
    const second = get("/x", { signal: between.signal });
    setTimeout(() => between.abort(new Error("enough")), 20);
    await assert.rejects(second, /enough/);
  });

  describe("and the answer is a stream", () => {
    const read = async (lines: string[], signal = new AbortController().signal, timeoutMs = 5_000) =>
      transport.stream({ path: "/w", signal, timeoutMs, onLine: (line) => lines.push(line) });

    it("cuts it into lines wherever the chunks end", async () => {
      handler = (_request, response) => {
        const bytes = Buffer.from('{"a":"é"}\n{"b":2}\n\n{"c":3}\n');
        let at = 0;
        const next = () =>
          at < bytes.length
            ? response.write(bytes.subarray(at, ++at), () => setImmediate(next))
            : response.end();
        next();
      };
      create();
      const lines: string[] = [];
      await read(lines);
      assert.deepEqual(lines, ['{"a":"é"}', '{"b":2}', '{"c":3}']);
    });

    it("passes a refusal on", async () => {
      handler = (_request, response) =>
        response.writeHead(410).end(status(410, "Expired", "too old resource version"));
      create();
      await assert.rejects(read([]), { status: 410, reason: "Expired" });
    });

    it("refuses a line without end", async () => {
      handler = (_request, response) => response.end(Buffer.alloc(5 * 1024 * 1024, 120));
      create();
      await assert.rejects(read([]), { reason: "ResponseTooLarge" });
    });

    it("takes an overdue stream for an ended one, and a cut one for a failure", async () => {
      handler = (_request, response) => void response.write("{}\n");
      create();
      const lines: string[] = [];
      await read(lines, undefined, 60);
      assert.deepEqual(lines, ["{}"]);
      handler = (request, response) =>
        void response.write("{}\n", () => setTimeout(() => request.socket.destroy(), 10));
      await assert.rejects(read([]), { reason: "Unreachable" });
    });
  });
});
