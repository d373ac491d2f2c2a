import { fileURLToPath } from "node:url";
import { ConfigError, createLogger, describeSettings, errorMessage, nextStopSignal } from "@rciots/runtime";
import { loadConfig, settings, type FrontendConfig } from "./config.ts";
import { startFrontendProcess } from "./frontend-process.ts";

const usage = `RCIoTS API and console, beside other processes on the same MongoDB and Redis.

Usage: node dist/frontend/main.js [options]

Each option is a flag or a variable of the environment; the flag wins.

${describeSettings(settings)}
`;

function say(message: string): void {
  process.stderr.write(`${message}\n`);
}

function readConfig(): FrontendConfig {
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
const logger = createLogger({ level: config.logLevel, name: "rciots-frontend" });
const stopping = new AbortController();
try {
  const stopSignal = nextStopSignal();
  void stopSignal.then(() => stopping.abort(new Error("The process is stopping.")));
  const frontend = await startFrontendProcess({
    config,
    logger,
    signal: stopping.signal,
    env: process.env,
    // Beside the folder of this file where it is built: dist/console and dist/install.
    consoleDir: fileURLToPath(new URL("../console", import.meta.url)),
    installDir: fileURLToPath(new URL("../install", import.meta.url)),
    say,
  });
  process.stdout.write("RCIoTS console is ready.\n");
  await stopSignal;
  await frontend.stop();
  process.exit(0);
} catch (error) {
  if (stopping.signal.aborted) process.exit(0);
  logger.debug({ err: error }, "start failed");
  say(`The console could not start: ${errorMessage(error)}`);
  process.exit(1);
}
