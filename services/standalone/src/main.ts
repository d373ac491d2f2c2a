import { fileURLToPath } from "node:url";
import { ConfigError, createLogger, describeSettings, errorMessage, nextStopSignal } from "@rciots/runtime";
import { banner } from "./banner.ts";
import { loadConfig, settings, type StandaloneConfig } from "./config.ts";
import { startStandalone } from "./standalone.ts";

const usage = `RCIoTS: the whole platform in one process, on the embedded store.

Usage: npm start -- [options]

Each option is a flag or a variable of the environment; the flag wins.

${describeSettings(settings)}
`;

function say(message: string): void {
  process.stderr.write(`${message}\n`);
}

function readConfig(): StandaloneConfig {
  try {
    return loadConfig(process.env, process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    say(error.message);
    process.exit(2);
  }
}

if (process.argv.includes("--help") || process.argv.includes("-h")) {
  process.stdout.write(usage);
  process.exit(0);
}
const config = readConfig();
const logger = createLogger({ level: config.logLevel, name: "rciots" });
try {
  const startedAt = performance.now();
  const stopSignal = nextStopSignal();
  // Beside the folder of this file where it is built: dist/console and dist/install.
  const consoleDir = fileURLToPath(new URL("../console", import.meta.url));
  const installDir = fileURLToPath(new URL("../install", import.meta.url));
  const platform = await startStandalone({ config, logger, env: process.env, say, consoleDir, installDir });
  process.stdout.write(banner(platform, { dataDir: config.dataDir, readyMs: performance.now() - startedAt }));
  const signal = await stopSignal;
  say(`${signal}: stopping ...`);
  await platform.stop();
  process.exit(0);
} catch (error) {
  logger.debug({ err: error }, "start failed");
  say(`The platform could not start: ${errorMessage(error)}`);
  process.exit(1);
}
