import { ConfigError, createLogger, describeSettings, errorMessage, nextStopSignal } from "@rciots/runtime";
import { loadConfig, settings, type ConnectorConfig } from "./config.ts";
import { startConnectorProcess } from "./connector-process.ts";

const usage = `RCIoTS device sessions, beside other processes on the same MongoDB and Redis.

Usage: node dist/connector/main.js [options]

Each option is a flag or a variable of the environment; the flag wins.

${describeSettings(settings)}
`;

function readConfig(): ConnectorConfig {
  try {
    return loadConfig(process.env, process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(2);
  }
}

if (process.argv.includes("--help") || process.argv.includes("-h")) {
  process.stdout.write(usage);
  process.exit(0);
}
const config = readConfig();
const logger = createLogger({ level: config.logLevel, name: "rciots-connector" });
const stopping = new AbortController();
try {
  const stopSignal = nextStopSignal();
  void stopSignal.then(() => stopping.abort(new Error("The process is stopping.")));
  const connector = await startConnectorProcess({ config, logger, signal: stopping.signal });
  process.stdout.write("RCIoTS connector is ready.\n");
  await stopSignal;
  await connector.stop();
  process.exit(0);
} catch (error) {
  if (stopping.signal.aborted) process.exit(0);
  logger.debug({ err: error }, "start failed");
  process.stderr.write(`The connector could not start: ${errorMessage(error)}\n`);
  process.exit(1);
}
