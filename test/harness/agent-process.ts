import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { PlatformProcess } from "./platform-process.ts";
import { startProcess, type TestProcess } from "./process.ts";

const bundle = fileURLToPath(new URL("../../agent/dist/rciots-agent.js", import.meta.url));

export interface AgentProcess {
  readonly stateDir: string;
  process(): TestProcess;
  kill(): Promise<void>;
  /** With other variables, where some are given. */
  restart(env?: Record<string, string>): void;
  stop(): Promise<void>;
}

/** The built agent in a process of its own; without `kubeconfig` it has no cluster. */
export function startAgentProcess(options: {
  platform: Pick<PlatformProcess, "enrollUrl" | "caFingerprint">;
  token: string;
  name: string;
  kubeconfig?: string;
  env?: Record<string, string>;
  /** A command that runs the agent, such as one that enters a network namespace. */
  within?: readonly string[];
}): AgentProcess {
  const stateDir = mkdtempSync(join(tmpdir(), "rciots-agent-"));
  const env = {
    RCIOTS_PLATFORM_URL: options.platform.enrollUrl,
    RCIOTS_CA_FINGERPRINT: options.platform.caFingerprint,
    RCIOTS_TOKEN: options.token,
    RCIOTS_DEVICE_NAME: options.name,
    RCIOTS_STATE_DIR: stateDir,
    ...(options.kubeconfig === undefined
      ? { RCIOTS_CLUSTER: "none" }
      : { RCIOTS_KUBECONFIG: options.kubeconfig }),
    ...options.env,
  };
  const [command = process.execPath, ...args] = [...(options.within ?? []), process.execPath, bundle];
  const start = (more: Record<string, string> = {}): TestProcess =>
    startProcess(command, args, { ...env, ...more });
  let running = start();
  return {
    stateDir,
    process: () => running,
    async kill() {
      await running.kill("SIGKILL");
    },
    restart(more) {
      running = start(more);
    },
    async stop() {
      await running.kill("SIGTERM");
      rmSync(stateDir, { recursive: true, force: true });
    },
  };
}
