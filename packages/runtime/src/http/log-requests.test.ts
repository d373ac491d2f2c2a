import assert from "node:assert/strict";
import express from "express";
import { createLogger } from "../logger.ts";
import { assignRequestId, logRequests } from "./problem.ts";
import { createHttpServer } from "./server.ts";

describe("when a request is logged", () => {
  it("carries the request's id, and the device it is about, and neither query nor headers", async () => {
    const lines: string[] = [];
    const app = express();
    app.use(assignRequestId(), logRequests(createLogger({ write: (line) => void lines.push(line) })));
    app.get("/known", (_request, response) => {
      response.locals["deviceId"] = "dev_1";
      response.end();
    });
    app.get("/other", (_request, response) => void response.end());
    const server = createHttpServer({ listener: app, host: "127.0.0.1", port: 0 });
    await server.start();
    try {
      const url = `http://127.0.0.1:${server.address().port}`;
      const headers = { "x-request-id": "asked-1", authorization: "Bearer rcp_secret" };
      await fetch(`${url}/known?token=rcp_secret`, { headers });
      await fetch(`${url}/other`, { headers });
    } finally {
      await server.stop();
    }
    const [known, other] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.equal(known?.["requestId"], "asked-1");
    assert.equal(known?.["deviceId"], "dev_1");
    assert.equal(known?.["path"], "/known");
    assert.equal("deviceId" in (other ?? {}), false);
    assert.equal(lines.join("").includes("rcp_secret"), false);
  });
});
