import { parseArgs } from "node:util";
import {
  backupData,
  CommandError,
  exportData,
  moveData,
  restoreData,
  type CommandContext,
} from "./data-commands.ts";

type Values = Record<string, string | undefined>;

interface Command {
  about: string;
  /** Options besides --data-dir; all are required. */
  options: string[];
  run: (values: { dataDir: string } & Values, context: CommandContext) => Promise<void>;
}

const commands: Record<string, Command> = {
  "move-data": {
    about: "Copy the embedded store into the empty database that MONGODB_URI names, and compare",
    options: [],
    run: moveData,
  },
  "export-data": {
    about: "Write the embedded store to a new folder (--out) that mongorestore reads",
    options: ["out"],
    run: ({ dataDir, out = "" }, context) => exportData({ dataDir, out }, context),
  },
  "backup-data": {
    about: "Write the embedded store to one new file (--out)",
    options: ["out"],
    run: ({ dataDir, out = "" }, context) => backupData({ dataDir, out }, context),
  },
  "restore-data": {
    about: "Put a backup (--from) in the place of the embedded store",
    options: ["from"],
    run: ({ dataDir, from = "" }, context) => restoreData({ dataDir, from }, context),
  },
};

export const usage = `rciots: work with the data of a platform on this machine, while the platform is stopped.

Usage: rciots COMMAND [--data-dir ./data] [options]

${Object.entries(commands)
  .map(([name, { about }]) => `  ${name.padEnd(14)} ${about}`)
  .join("\n")}
`;

function parse(args: readonly string[]): { command: Command; values: { dataDir: string } & Values } {
  const [name = "", ...rest] = args;
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined)
    throw new CommandError(`There is no command ${JSON.stringify(name)}.\n\n${usage}`);
  const known = Object.fromEntries(
    ["data-dir", ...command.options].map((option) => [option, { type: "string" } as const]),
  );
  let values: Values;
  try {
    ({ values } = parseArgs({ args: rest, options: known }) as { values: Values });
  } catch (error) {
    throw new CommandError(error instanceof Error ? error.message : String(error));
  }
  const missing = command.options.find((option) => (values[option] ?? "") === "");
  if (missing !== undefined) throw new CommandError(`--${missing} is missing.`);
  return { command, values: { ...values, dataDir: values["data-dir"] ?? "./data" } };
}

/** Runs one command; resolves with the exit code: 0, 1 for a fault, 2 for a wrong call. */
export async function run(args: readonly string[], context: CommandContext): Promise<number> {
  if (args.length === 0 || args.includes("--help") || args.includes("-h")) {
    context.say(usage);
    return args.length === 0 ? 2 : 0;
  }
  try {
    const { command, values } = parse(args);
    await command.run(values, context);
    return 0;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    context.say(error.message);
    return 2;
  }
}
