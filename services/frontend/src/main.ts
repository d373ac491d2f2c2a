import { fileURLToPath } from "node:url";
import { runProcess } from "@rciots/process";
import { loadConfig, settings } from "./config.ts";
import { startFrontendProcess } from "./frontend-process.ts";

process.exit(
  await runProcess({
    argv: process.argv.slice(2),
    env: process.env,
    name: "frontend",
    about: "API and console",
    settings,
    loadConfig,
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
