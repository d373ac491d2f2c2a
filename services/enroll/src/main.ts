import { runProcess } from "@rciots/process";
import { describeSettings } from "@rciots/runtime";
import { loadConfig, settings } from "./config.ts";
import { startEnrollProcess } from "./enroll-process.ts";

const usage = `RCIoTS enrolment, beside other processes on the same MongoDB and Redis.

Usage: node dist/enroll/main.js [options]

Each option is a flag or a variable of the environment; the flag wins.

${describeSettings(settings)}
`;

process.exit(
  await runProcess({
    argv: process.argv.slice(2),
    env: process.env,
    usage,
    loadConfig,
    logName: "rciots-enroll",
    title: "Enrolment",
    ready: "RCIoTS enrolment is ready.",
    start: startEnrollProcess,
  }),
);
