import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { startAgentProcess, type AgentProcess } from "../harness/agent-process.ts";
import type { ApiClient } from "../harness/api-client.ts";
import { eventually } from "../harness/eventually.ts";
import { createToken, deviceOnline } from "../harness/fleet.ts";
import {
  freePortRange,
  freePorts,
  startPlatformProcess,
  type PlatformProcess,
} from "../harness/platform-process.ts";
import { prometheusFault, promtool, startPrometheus, type PrometheusServer } from "../harness/prometheus.ts";

const at = (path: string): string => fileURLToPath(new URL(`../../charts/rciots/${path}`, import.meta.url));
const rulesFile = at("alerts.yaml");

interface Rule {
  alert: string;
  expr: string;
}
const alerts = (parse(readFileSync(rulesFile, "utf8")) as { groups: { rules: Rule[] }[] }).groups.flatMap(
  ({ rules }) => rules,
);

interface Dashboard {
  panels: { title: string; targets?: { expr: string }[] }[];
}
const dashboard = JSON.parse(readFileSync(at("dashboards/rciots.json"), "utf8")) as Dashboard;
const panels = dashboard.panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ expr }) => ({ title, expr })),
);

/** What there is only once something failed: no data is the good answer. */
const onlyInFailure = new Set([
  "Calls that failed",
  "RciotsAbsent",
  "RciotsEnrolmentFails",
  "RciotsApiErrors",
]);

/** As Grafana fills its variables in, for all processes and a short time. */
const filledIn = (expression: string): string =>
  expression.replaceAll("$instance", ".*").replaceAll("$__rate_interval", "10s");

/** What an alert compares, in times that a test has. */
const compared = (expression: string): string =>
  expression
    .replace(/ (==|<|>) [\d.]+$/, "")
    .replace(/\[\d+m\]/g, "[10s]")
    .replace(/\[\d+m:1m\]/g, "[10s:1s]");

describe("when Prometheus watches the platform", function () {
  this.timeout(180_000);
  let platform: PlatformProcess;
  let prometheus: PrometheusServer;
  let agents: AgentProcess[] = [];
  let api: ApiClient;
  let internalUrl: string;

  before(async function () {
    const fault = prometheusFault();
    if (fault !== undefined) {
      console.log(`    SKIPPED: ${fault}`);
      return this.skip();
    }
    const [port = 0] = await freePorts(1);
    const tunnelPort = await freePortRange(1);
    internalUrl = `http://127.0.0.1:${port}`;
    platform = await startPlatformProcess({
      env: { RCIOTS_HEALTH_PORT: String(port), RCIOTS_TUNNEL_PORTS: String(tunnelPort) },
    });
    prometheus = await startPrometheus({ target: `127.0.0.1:${port}`, rulesFile });
    api = await platform.api();
    await work(tunnelPort);
  });
  after(async () => {
    for (const agent of agents) await agent.stop();
    await prometheus?.stop();
    await platform?.stop();
  });

  /** Something of everything that is counted, while Prometheus looks. */
  async function work(tunnelPort: number): Promise<void> {
    const token = await createToken(api);
    agents = ["one", "two"].map((name) => startAgentProcess({ platform, token, name }));
    const device = await deviceOnline(api, "one");
    await deviceOnline(api, "two");
    await api.post(`/devices/${device.id}/tunnels`, {
      target: { host: "127.0.0.1", port: Number(new URL(platform.consoleUrl).port) },
      port: tunnelPort,
      allowFrom: ["127.0.0.0/8"],
    });
    await eventually(async () => {
      const answer = await fetch(`http://127.0.0.1:${tunnelPort}/healthz`);
      assert.equal(answer.status, 200);
    });
    // Until a rate has two points of all of it.
    await eventually(
      async () => {
        await api.get("/devices");
        const [rate] = await prometheus.query('rate(rciots_stream_bytes_total{direction="sent"}[10s])');
        assert.ok(rate, "there is a rate");
      },
      { timeoutMs: 30_000, intervalMs: 500 },
    );
  }

  it("finds nothing to complain about in names, help and units", async () => {
    const answer = await fetch(`${internalUrl}/metrics`);
    assert.match(answer.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
    assert.equal(promtool(["check", "metrics"], await answer.text()), "");
    assert.match(promtool(["check", "rules", rulesFile]), /SUCCESS: \d+ rules found/);
  });

  it("has data for every panel of the dashboard", async () => {
    assert.ok(panels.length > 25);
    for (const { title, expr } of panels) {
      const rows = await prometheus.query(filledIn(expr));
      if (!onlyInFailure.has(title)) assert.ok(rows.length > 0, `${title}: ${expr}`);
    }
  });

  it("can evaluate every alert, and none of them is due", async () => {
    for (const { alert, expr } of alerts) {
      const rows = await prometheus.query(compared(expr));
      if (!onlyInFailure.has(alert)) assert.ok(rows.length > 0, `${alert}: ${compared(expr)}`);
      assert.deepEqual(await prometheus.query(expr), [], `${alert} is due`);
    }
    const rules = await prometheus.rules();
    assert.deepEqual(
      rules.map(({ name, health, lastError }) => [name, health, lastError]),
      alerts.map(({ alert }) => [alert, "ok", undefined]),
    );
  });

  it("counts what happened", async () => {
    const value = async (expression: string): Promise<number> =>
      (await prometheus.query(`sum(${expression})`))[0]?.value ?? Number.NaN;
    await eventually(async () => {
      assert.equal(await value('rciots_sessions{state="live"}'), 2);
      assert.equal(await value('rciots_enrolments_total{operation="enroll",outcome="approved"}'), 2);
      assert.ok((await value('rciots_handshakes_total{kind="full"}')) >= 2);
      assert.ok((await value('rciots_offers_total{outcome="offered"}')) >= 0);
      assert.ok((await value('rciots_streams_total{outcome="opened"}')) >= 1);
      assert.ok((await value('rciots_stream_bytes_total{direction="received"}')) > 0);
      assert.equal(await value('rciots_tunnels{state="open"}'), 1);
      const devices = '{method="GET",route="/api/v1/devices",status="200"}';
      assert.ok((await value(`rciots_http_request_duration_seconds_count${devices}`)) >= 1);
      const days = "(rciots_certificate_not_after_seconds{kind='root'} - time()) / 86400";
      assert.ok((await value(days)) > 7_000);
    });
    // A refusal is counted by its code, wherever it comes from.
    await fetch(`${platform.consoleUrl}/api/v1/nowhere/${"x".repeat(20)}`);
    await eventually(async () =>
      assert.ok((await value('rciots_http_request_duration_seconds_count{route="other",status="404"}')) >= 1),
    );
  });

  it("has no label that grows with the fleet, or with what anybody asks for", async () => {
    const read = async (): Promise<string> => (await fetch(`${internalUrl}/metrics`)).text();
    const ids = (await api.get("/devices")).items.flatMap((device: any) => [device.id, device.name]);
    const before = await read();
    for (const id of [...ids, "org_", "admin", "127.0.0.1"])
      assert.equal(new RegExp(`="[^"]*${id}`).test(before.replaceAll(/route="[^"]*"/g, "")), false, id);
    for (let index = 0; index < 50; index += 1)
      await fetch(`${platform.consoleUrl}/api/v1/devices/dev_${index}?x=${index}`);
    const names = (text: string) => new Set(text.match(/^rciots_\w+\{[^}]*route="[^"]*"/gm));
    const grown = [...names(await read())].filter((name) => !names(before).has(name));
    assert.ok(
      grown.every((name) => !/dev_\d/.test(name)),
      grown.join("\n"),
    );
  });

  it("answers supervisors on the same port, and nothing else", async () => {
    for (const [path, status] of [
      ["/healthz", 200],
      ["/readyz", 200],
      ["/api/v1/devices", 404],
    ] as const)
      assert.equal((await fetch(`${internalUrl}${path}`)).status, status, path);
    const text = await (await fetch(`${platform.consoleUrl}/metrics`)).text();
    assert.equal(text.includes("rciots_sessions"), false);
  });
});
