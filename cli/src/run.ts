import { parseArgs } from "node:util";
import { commands, type Command, type Values } from "./command-table.ts";
import { CommandError, exitCodes, type CommandContext } from "./command.ts";

export const usage = `rciots: reach devices, and work with the data of a platform on this machine while that is stopped.

${Object.entries(commands)
  .map(([name, { synopsis, about }]) => `  rciots ${`${name} ${synopsis}`.trim()}\n      ${about}`)
  .join("\n")}

Ends with 0, or 1: something went wrong, 2: the call is wrong, 3: not signed in or not allowed, 4: no such device,
5: the platform doesn't answer. "run" ends as the command does on a device, with 6 where it failed on some of several.
`;

/** What follows `--` is a command's own: no option in it is ours. */
function splitRest(args: readonly string[]): { own: readonly string[]; rest: readonly string[] } {
  const at = args.indexOf("--");
  return at < 0 ? { own: args, rest: [] } : { own: args.slice(0, at), rest: args.slice(at + 1) };
}

function parse(args: readonly string[]): {
  command: Command;
  words: string[];
  values: Values;
  rest: readonly string[];
} {
  const { own, rest } = splitRest(args);
  const [name = "", ...given] = own;
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined)
    throw new CommandError(`There is no command ${JSON.stringify(name)}.\n\n${usage}`);
  const options = Object.fromEntries(
    Object.entries(command.options).map(([option, { isFlag, isMany }]) => [
      option,
      { type: isFlag === true ? ("boolean" as const) : ("string" as const), multiple: isMany === true },
    ]),
  );
  let parsed: { values: Values; positionals: string[] };
  try {
    parsed = parseArgs({ args: given, options, allowPositionals: true });
  } catch (error) {
    throw new CommandError(error instanceof Error ? error.message : String(error));
  }
  const { values } = parsed;
  // Where no other command is named, what follows is ours after all.
  const positionals = command.words === "any" ? parsed.positionals : [...parsed.positionals, ...rest];
  if (command.words !== "any" && positionals.length !== command.words)
    throw new CommandError(`It is: rciots ${name} ${command.synopsis}`.trim());
  const missing = Object.entries(command.options).find(
    ([option, { required }]) => required === true && (values[option] ?? "") === "",
  );
  if (missing !== undefined) throw new CommandError(`--${missing[0]} is missing.`);
  return { command, words: positionals, values, rest };
}

/** Runs one command; resolves with the exit code. */
export async function run(args: readonly string[], context: CommandContext): Promise<number> {
  const { own } = splitRest(args);
  if (args.length === 0 || own.includes("--help") || own.includes("-h")) {
    context.say(usage);
    return args.length === 0 ? exitCodes.usage : 0;
  }
  try {
    const { command, words, values, rest } = parse(args);
    return (await command.run(words, values, context, rest)) ?? 0;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    if (!context.signal.aborted) context.complain(error.message);
    return error.exitCode;
  }
}
