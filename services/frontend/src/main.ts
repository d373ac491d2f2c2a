import { fileURLToPath } from "node:url";
import { runProcess } from "@rciots/process";
import { describeSettings } from "@rciots/runtime";
import { loadConfig, settings } from "./config.ts";
import { startFrontendProcess } from "./frontend-process.ts";

const usage = `RCIoTS API and console, beside other processes on the same MongoDB and Redis.

Usage: node dist/frontend/main.js [options]

Each option is a flag or a variable of the environment; the flag wins.

${describeSettings(settings)}
`;

process.exit(
  await runProcess({
    argv: process.argv.slice(2),
    env: process.env,
    usage,
    loadConfig,
    logName: "rciots-frontend",
    title: "The console",
    ready: "RCIoTS console is ready.",
    start: (context) =>
      startFrontendProcess({
        ...context,
        env: process.env,
        // Beside the folder of this file where it is built: dist/console and dist/install.
        consoleDir: fileURLToPath(new URL("../console", import.meta.url)),
        installDir: fileURLToPath(new URL("../install", import.meta.url)),
        say: (message) => void process.stderr.write(`${message}\n`),
      }),
  }),
);
