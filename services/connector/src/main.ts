import { runProcess } from "@rciots/process";
import { describeSettings } from "@rciots/runtime";
import { loadConfig, settings } from "./config.ts";
import { startConnectorProcess } from "./connector-process.ts";

const usage = `RCIoTS device sessions, beside other processes on the same MongoDB and Redis.

Usage: node dist/connector/main.js [options]

Each option is a flag or a variable of the environment; the flag wins.

${describeSettings(settings)}
`;

process.exit(
  await runProcess({
    argv: process.argv.slice(2),
    env: process.env,
    usage,
    loadConfig,
    logName: "rciots-connector",
    title: "The connector",
    ready: "RCIoTS connector is ready.",
    start: startConnectorProcess,
  }),
);
