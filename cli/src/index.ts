export { run, usage } from "./run.ts";
export { CommandError, exitCodes, type CommandContext, type ExitCode } from "./command.ts";
