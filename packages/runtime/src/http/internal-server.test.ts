import assert from "node:assert/strict";
import { createInternalServer, healthReport, silentLogger, type InternalServer } from "../index.ts";

describe("when a process is asked how it fares", () => {
  let server: InternalServer;
  let ready = healthReport({ store: "ok" });

  before(async () => {
    server = createInternalServer({
      host: "127.0.0.1",
      port: 0,
      live: () => healthReport({}),
      ready: async () => ready,
      pages: {
        "/metrics": (_request, response) => void response.end("sessions 3\n"),
        "/broken": async () => {
          throw new Error("a secret reason");
        },
      },
      logger: silentLogger,
    });
    await server.start();
  });
  after(() => server.stop());

  const ask = (path: string, method = "GET") =>
    fetch(`http://127.0.0.1:${server.address().port}${path}`, { method });

  it("answers whether it lives and whether it is ready, with what is wrong in words", async () => {
    assert.equal((await ask("/healthz")).status, 200);
    assert.equal((await ask("/readyz?verbose")).status, 200);
    ready = healthReport({ store: "the store does not answer", bus: "ok" });
    const answer = await ask("/readyz");
    assert.equal(answer.status, 503);
    assert.deepEqual(await answer.json(), {
      ok: false,
      checks: { store: "the store does not answer", bus: "ok" },
    });
    assert.equal((await ask("/healthz")).status, 200);
  });

  it("answers the further pages it was given, and nothing else", async () => {
    assert.equal(await (await ask("/metrics")).text(), "sessions 3\n");
    assert.equal((await ask("/")).status, 404);
    assert.equal((await ask("/metrics", "POST")).status, 405);
  });

  it("says nothing of why a page failed", async () => {
    const answer = await ask("/broken");
    assert.equal(answer.status, 500);
    assert.equal(await answer.text(), "");
  });
});
