import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createMetrics, type Metrics } from "./index.ts";

async function read(metrics: Metrics): Promise<string> {
  let text = "";
  const response = { writeHead: () => undefined, end: (body: string) => (text = body) };
  await metrics.page({} as IncomingMessage, response as unknown as ServerResponse);
  return text;
}

describe("when the numbers of a process are read", () => {
  it("goes on without the part that can't answer", async () => {
    const metrics = createMetrics({ version: "1.2.3" });
    metrics.watchStore(() => Promise.reject(new Error("away")));
    metrics.watchEnroll(() => Promise.reject(new Error("away")));
    metrics.watchBus(() => true);
    const text = await read(metrics);
    assert.match(text, /^rciots_build_info\{version="1\.2\.3",node="[\d.]+"\} 1$/m);
    assert.match(text, /^rciots_store_up 0$/m);
    assert.match(text, /^rciots_bus_up 1$/m);
    assert.equal(/^rciots_enrolments_total\{/m.test(text), false);
  });

  it("reads a service once for all of its metrics, and says what it says each time", async () => {
    const metrics = createMetrics({ version: "1" });
    let reads = 0;
    metrics.watchConnector(() => {
      reads += 1;
      return {
        sessions: 3,
        live: 2,
        edge: { handshakes: 10, resumed: 4, shed: 1 },
        refused: { device_disabled: 5 },
        moved: 4,
        calls: { messages: 7 },
        offers: { offered: 2 },
        reports: { healthy: 1 },
        streams: { opened: 1, refused: 0, sentBytes: 100, receivedBytes: 200 },
        tunnels: { open: 1, standby: 0, failed: 0, connections: 2 },
      };
    });
    await read(metrics);
    assert.equal(reads, 1);
    await new Promise((resolve) => setImmediate(resolve));
    const text = await read(metrics);
    assert.equal(reads, 2);
    for (const line of [
      'rciots_sessions{state="live"} 2',
      'rciots_handshakes_total{kind="full"} 6',
      'rciots_handshakes_total{kind="resumed"} 4',
      'rciots_session_refusals_total{code="device_disabled"} 5',
      'rciots_session_refusals_total{code="busy"} 0',
      'rciots_stream_bytes_total{direction="received"} 200',
    ])
      assert.ok(text.split("\n").includes(line), `${line}\n${text}`);
  });
});
