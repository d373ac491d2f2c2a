import { runProcess } from "@rciots/process";
import { loadConfig, settings } from "./config.ts";
import { startEnrollProcess } from "./enroll-process.ts";

process.exit(
  await runProcess({
    argv: process.argv.slice(2),
    env: process.env,
    name: "enroll",
    about: "enrolment",
    settings,
    loadConfig,
    title: "Enrolment",
    ready: "RCIoTS enrolment is ready.",
    start: startEnrollProcess,
  }),
);
