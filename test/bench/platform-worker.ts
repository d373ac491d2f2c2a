import { fileURLToPath } from "node:url";
import { createLogger } from "@rciots/runtime";
import { loadConfig, startStandalone, type Standalone } from "@rciots/standalone";
import { serveCalls } from "./child-worker.ts";
import { createNodeMeter } from "./measured-node.ts";

/** The whole platform, composed as `npm start` composes it, in a process that answers what it costs. */
let platform: Standalone | undefined;
const root = fileURLToPath(new URL("../..", import.meta.url));
const meter = createNodeMeter();

const calls = {
  /** `settings`: variables as `npm start` takes them. */
  async start({ settings }: { settings: Record<string, string> }) {
    const config = loadConfig(settings);
    const logger = createLogger({ level: config.logLevel, name: "rciots" });
    platform = await startStandalone({ config, logger, env: process.env, installDir: root });
    const { consoleUrl, enrollUrl, edgeUrl, caFingerprint } = platform;
    return { consoleUrl, enrollUrl, edgeUrl, caFingerprint };
  },
  resetLoopDelay: () => meter.resetLoopDelay(),
  usage: () => meter.read(),
  async usageAfterCollection() {
    await meter.collect();
    return meter.read();
  },
  async stop() {
    await platform?.stop();
    setImmediate(() => process.exit(0));
  },
};
export type PlatformCalls = typeof calls;

serveCalls(calls);
