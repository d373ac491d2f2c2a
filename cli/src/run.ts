import { parseArgs } from "node:util";
import { CommandError, exitCodes, type CommandContext } from "./command.ts";

type Values = Record<string, string | boolean | undefined>;

interface Command {
  /** After its name. */
  synopsis: string;
  about: string;
  /** Names of its options; one with a default of false takes no value. */
  options: Record<string, { required?: boolean; isFlag?: boolean }>;
  /** How many words it takes besides. */
  words: number;
  run: (words: readonly string[], values: Values, context: CommandContext) => Promise<void>;
}

const text = (value: Values[string]): string | undefined => (typeof value === "string" ? value : undefined);
const dataDirOf = (values: Values): string => text(values["data-dir"]) ?? "./data";
const trust = { "ca-file": {}, "ca-fingerprint": {} };
const trustFlags = (values: Values) => ({
  caFile: text(values["ca-file"]),
  caFingerprint: text(values["ca-fingerprint"]),
});

/** Loaded when they are run: connecting must not wait for a database's driver. */
const data = () => import("./data-commands.ts");

const commands: Record<string, Command> = {
  login: {
    synopsis: "URL",
    about: "Keep an API token (read from stdin) and where its platform is",
    options: trust,
    words: 1,
    run: async (words, values, context) =>
      (await import("./connect/login.ts")).loginCommand(words, trustFlags(values), context),
  },
  logout: {
    synopsis: "",
    about: "Forget the token",
    options: {},
    words: 0,
    run: async (_words, _values, context) => (await import("./connect/login.ts")).logoutCommand(context),
  },
  connect: {
    synopsis: "DEVICE [HOST:]PORT [--local [ADDRESS:]PORT | --stdio]",
    about: "Let a port of this machine lead to one that a device reaches",
    options: { ...trust, local: {}, stdio: { isFlag: true } },
    words: 2,
    run: async (words, values, context) =>
      (await import("./connect/connect-command.ts")).connectCommand(
        words,
        { ...trustFlags(values), local: text(values["local"]), stdio: values["stdio"] === true },
        context,
      ),
  },
  backup: {
    synopsis: "--out FILE [--data-dir ./data]",
    about:
      "Write a whole installation, its keys with it, to one file sealed with RCIOTS_BACKUP_PASSPHRASE; of MONGODB_URI also while it runs",
    options: { "data-dir": {}, out: { required: true } },
    words: 0,
    run: async (_words, values, context) =>
      (await import("./backup/backup-command.ts")).backupCommand(
        { dataDir: dataDirOf(values), out: text(values["out"]) ?? "" },
        context,
      ),
  },
  restore: {
    synopsis: "--from FILE [--data-dir ./data]",
    about: "Make an empty installation (MONGODB_URI, or the data folder) the one that was backed up",
    options: { "data-dir": {}, from: { required: true } },
    words: 0,
    run: async (_words, values, context) =>
      (await import("./backup/restore-command.ts")).restoreCommand(
        { dataDir: dataDirOf(values), from: text(values["from"]) ?? "" },
        context,
      ),
  },
  "move-data": {
    synopsis: "[--data-dir ./data]",
    about: "Copy the embedded store into the empty database that MONGODB_URI names, and compare",
    options: { "data-dir": {} },
    words: 0,
    run: async (_words, values, context) => (await data()).moveData({ dataDir: dataDirOf(values) }, context),
  },
  "export-data": {
    synopsis: "--out FOLDER [--data-dir ./data]",
    about: "Write the embedded store to a new folder that mongorestore reads",
    options: { "data-dir": {}, out: { required: true } },
    words: 0,
    run: async (_words, values, context) =>
      (await data()).exportData({ dataDir: dataDirOf(values), out: text(values["out"]) ?? "" }, context),
  },
  "backup-data": {
    synopsis: "--out FILE [--data-dir ./data]",
    about: "Write the embedded store to one new file",
    options: { "data-dir": {}, out: { required: true } },
    words: 0,
    run: async (_words, values, context) =>
      (await data()).backupData({ dataDir: dataDirOf(values), out: text(values["out"]) ?? "" }, context),
  },
  "restore-data": {
    synopsis: "--from FILE [--data-dir ./data]",
    about: "Put a backup in the place of the embedded store",
    options: { "data-dir": {}, from: { required: true } },
    words: 0,
    run: async (_words, values, context) =>
      (await data()).restoreData({ dataDir: dataDirOf(values), from: text(values["from"]) ?? "" }, context),
  },
};

export const usage = `rciots: reach devices, and work with the data of a platform on this machine while that is stopped.

${Object.entries(commands)
  .map(([name, { synopsis, about }]) => `  rciots ${`${name} ${synopsis}`.trim()}\n      ${about}`)
  .join("\n")}

Ends with 0, or 1: something went wrong, 2: the call is wrong, 3: not signed in or not allowed, 4: no such device,
5: the platform doesn't answer.
`;

function parse(args: readonly string[]): { command: Command; words: string[]; values: Values } {
  const [name = "", ...rest] = args;
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined)
    throw new CommandError(`There is no command ${JSON.stringify(name)}.\n\n${usage}`);
  const options = Object.fromEntries(
    Object.entries(command.options).map(([option, { isFlag }]) => [
      option,
      { type: isFlag === true ? ("boolean" as const) : ("string" as const) },
    ]),
  );
  let parsed: { values: Values; positionals: string[] };
  try {
    parsed = parseArgs({ args: rest, options, allowPositionals: true });
  } catch (error) {
    throw new CommandError(error instanceof Error ? error.message : String(error));
  }
  const { values, positionals } = parsed;
  if (positionals.length !== command.words)
    throw new CommandError(`It is: rciots ${name} ${command.synopsis}`.trim());
  const missing = Object.entries(command.options).find(
    ([option, { required }]) => required === true && (values[option] ?? "") === "",
  );
  if (missing !== undefined) throw new CommandError(`--${missing[0]} is missing.`);
  return { command, words: positionals, values };
}

/** Runs one command; resolves with the exit code. */
export async function run(args: readonly string[], context: CommandContext): Promise<number> {
  if (args.length === 0 || args.includes("--help") || args.includes("-h")) {
    context.say(usage);
    return args.length === 0 ? exitCodes.usage : 0;
  }
  try {
    const { command, words, values } = parse(args);
    await command.run(words, values, context);
    return 0;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    if (!context.signal.aborted) context.complain(error.message);
    return error.exitCode;
  }
}
