import type { CommandContext } from "./command.ts";

export type Values = Record<string, string | boolean | (string | boolean)[] | undefined>;

export interface Command {
  /** After its name. */
  synopsis: string;
  about: string;
  /** Names of its options; a flag takes no value. */
  options: Record<string, { required?: boolean; isFlag?: boolean; isMany?: boolean }>;
  /** How many words it takes besides; "any", and what follows `--` is not among them. */
  words: number | "any";
  /** Resolves with the exit code where that isn't 0. `rest` follows `--`. */
  run: (
    words: readonly string[],
    values: Values,
    context: CommandContext,
    rest: readonly string[],
  ) => Promise<void> | Promise<number>;
}

const text = (value: Values[string]): string | undefined => (typeof value === "string" ? value : undefined);
const texts = (value: Values[string]): string[] =>
  [value ?? []].flat().filter((each) => typeof each === "string");
const dataDirOf = (values: Values): string => text(values["data-dir"]) ?? "./data";
const trust = { "ca-file": {}, "ca-fingerprint": {} };
const trustFlags = (values: Values) => ({
  caFile: text(values["ca-file"]),
  caFingerprint: text(values["ca-fingerprint"]),
});

/** Loaded when they are run: connecting must not wait for a database's driver. */
const data = () => import("./data-commands.ts");

/** By their names. */
export const commands: Record<string, Command> = {
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
  run: {
    synopsis:
      "DEVICE... | --selector K=V  [--shell | --interpreter NAME | --script SAVED] [--cwd FOLDER] [--env NAME[=VALUE]]... " +
      "[--timeout 30s] [--stdin FILE|-] [--stop-on-failure] [--pod NAMESPACE/NAME [--container NAME]] [--json] -- COMMAND...",
    about: "Run a command on devices, show what it writes, and end as it does",
    options: {
      ...trust,
      selector: { isMany: true },
      shell: { isFlag: true },
      interpreter: {},
      script: {},
      cwd: {},
      env: { isMany: true },
      timeout: {},
      stdin: {},
      "stop-on-failure": { isFlag: true },
      pod: {},
      container: {},
      json: { isFlag: true },
    },
    words: "any",
    run: async (words, values, context, rest) =>
      (await import("./commands/run-command.ts")).runCommand(
        { devices: words, words: rest },
        {
          ...trustFlags(values),
          selectors: texts(values["selector"]),
          interpreter: text(values["interpreter"]),
          isShell: values["shell"] === true,
          script: text(values["script"]),
          cwd: text(values["cwd"]),
          env: texts(values["env"]),
          timeout: text(values["timeout"]),
          stdin: text(values["stdin"]),
          stopOnFailure: values["stop-on-failure"] === true,
          pod: text(values["pod"]),
          container: text(values["container"]),
          isJson: values["json"] === true,
        },
        context,
      ),
  },
  kubeconfig: {
    synopsis: "DEVICE [--namespace NAME] [--context NAME] [--file FILE | --print]",
    about: "Let kubectl reach a device's cluster, as a context of a kubeconfig that holds no secret",
    options: { ...trust, namespace: {}, context: {}, file: {}, print: { isFlag: true } },
    words: 1,
    run: async (words, values, context) =>
      (await import("./kubeconfig/kubeconfig-command.ts")).kubeconfigCommand(
        words,
        {
          ...trustFlags(values),
          namespace: text(values["namespace"]),
          context: text(values["context"]),
          file: text(values["file"]),
          isPrint: values["print"] === true,
        },
        context,
      ),
  },
  "kubectl-token": {
    synopsis: "URL",
    about: "What kubectl runs for its token, by the kubeconfig that rciots kubeconfig writes",
    options: {},
    words: 1,
    run: async (words, _values, context) =>
      (await import("./kubeconfig/kubectl-token.ts")).kubectlTokenCommand(words, context),
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
