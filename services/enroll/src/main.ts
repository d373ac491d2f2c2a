import { ConfigError, createLogger, describeSettings, errorMessage, nextStopSignal } from "@rciots/runtime";
import { loadConfig, settings, type EnrollConfig } from "./config.ts";
import { startEnrollProcess } from "./enroll-process.ts";

const usage = `RCIoTS enrolment, beside other processes on the same MongoDB and Redis.

Usage: node dist/enroll/main.js [options]

Each option is a flag or a variable of the environment; the flag wins.

${describeSettings(settings)}
`;

function readConfig(): EnrollConfig {
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
const logger = createLogger({ level: config.logLevel, name: "rciots-enroll" });
const stopping = new AbortController();
try {
  const stopSignal = nextStopSignal();
  void stopSignal.then(() => stopping.abort(new Error("The process is stopping.")));
  const enroll = await startEnrollProcess({ config, logger, signal: stopping.signal });
  process.stdout.write("RCIoTS enrolment is ready.\n");
  await stopSignal;
  await enroll.stop();
  process.exit(0);
} catch (error) {
  if (stopping.signal.aborted) process.exit(0);
  logger.debug({ err: error }, "start failed");
  process.stderr.write(`Enrolment could not start: ${errorMessage(error)}\n`);
  process.exit(1);
}
