import { runProcess } from "@rciots/process";
import { loadConfig, settings } from "./config.ts";
import { startConnectorProcess } from "./connector-process.ts";

process.exit(
  await runProcess({
    argv: process.argv.slice(2),
    env: process.env,
    name: "connector",
    about: "device sessions",
    settings,
    loadConfig,
    title: "The connector",
    ready: "RCIoTS connector is ready.",
    start: startConnectorProcess,
  }),
);
