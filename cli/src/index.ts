export { run, usage } from "./run.ts";
export { CommandError, type CommandContext } from "./data-commands.ts";
