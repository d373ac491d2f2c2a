import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePorts } from "./platform-process.ts";
import { startProcess } from "./process.ts";

/** Why no Prometheus can be started here, or undefined. */
export function prometheusFault(): string | undefined {
  const isThere = spawnSync("prometheus", ["--version"], { stdio: "ignore" }).status === 0;
  return isThere ? undefined : "prometheus is not installed (Debian: apt-get install prometheus)";
}

export interface PrometheusServer {
  /** What an expression gives now. Rejects where it can't be parsed. */
  query(expression: string): Promise<{ metric: Record<string, string>; value: number }[]>;
  /** As the alerts page has them. */
  rules(): Promise<{ name: string; health: string; lastError?: string }[]>;
  stop(): Promise<void>;
}

/** A real Prometheus that asks `target` every second and evaluates the rules of a file. */
export async function startPrometheus(options: {
  target: string;
  rulesFile: string;
}): Promise<PrometheusServer> {
  const folder = mkdtempSync(join(tmpdir(), "rciots-prometheus-"));
  const [port = 0] = await freePorts(1);
  const config = {
    global: { scrape_interval: "1s", evaluation_interval: "1s" },
    rule_files: [options.rulesFile],
    scrape_configs: [{ job_name: "rciots", static_configs: [{ targets: [options.target] }] }],
  };
  const file = join(folder, "prometheus.yml");
  // YAML is a superset of JSON.
  writeFileSync(file, JSON.stringify(config));
  const running = startProcess(
    "prometheus",
    [
      `--config.file=${file}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    {},
  );
  await running.waitFor("Server is ready to receive web requests");
  async function api(path: string): Promise<any> {
    const answer = (await (await fetch(`http://127.0.0.1:${port}/api/v1${path}`)).json()) as any;
    if (answer.status !== "success") throw new Error(`${path}: ${answer.error}`);
    return answer.data;
  }
  return {
    async query(expression) {
      const data = await api(`/query?query=${encodeURIComponent(expression)}`);
      const rows = data.result as { metric: Record<string, string>; value: [number, string] }[];
      return rows.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
    },
    async rules() {
      const { groups } = await api("/rules");
      return groups.flatMap((group: any) => group.rules);
    },
    async stop() {
      await running.kill("SIGKILL");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Throws with promtool's words. */
export function promtool(args: readonly string[], input?: string): string {
  return execFileSync("promtool", args, { input, encoding: "utf8", stdio: ["pipe", "pipe", "pipe"] });
}
