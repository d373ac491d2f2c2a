import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { CommandError, type CommandContext } from "../command.ts";
import { authorityOf } from "../connect/dial.ts";
import { findDevice, getJson, pathOf } from "../connect/platform-api.ts";
import { loadPlatform, type Platform } from "../connect/platform.ts";
import { changeFile, kubeconfigPath } from "./kubeconfig-file.ts";
import { mergeEntry, type Entry } from "./merge-entry.ts";

export interface KubeconfigFlags {
  namespace?: string | undefined;
  context?: string | undefined;
  file?: string | undefined;
  /** To stdout, and into no file. */
  isPrint: boolean;
  caFile?: string | undefined;
  caFingerprint?: string | undefined;
}

const dnsLabel = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

function isRunnable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** How kubectl starts this program: by its name where that is to be found also without npx, or by its file. */
function callOf({ env, program }: Pick<CommandContext, "env" | "program">): readonly [string, ...string[]] {
  const folders = (env["PATH"] ?? "").split(delimiter);
  const lasting = folders.filter((folder) => folder !== "" && !/node_modules[/\\]\.bin[/\\]?$/.test(folder));
  return lasting.some((folder) => isRunnable(join(folder, "rciots"))) ? ["rciots"] : program;
}

function userOf({ url }: Platform, context: CommandContext): Entry["user"] {
  const [command, ...args] = callOf(context);
  const exec = {
    apiVersion: "client.authentication.k8s.io/v1",
    command,
    args: [...args, "kubectl-token", url.href],
    installHint:
      "kubectl gets its token from the rciots command; install that, and log in with rciots login.",
    interactiveMode: "Never",
  };
  return { name: `rciots@${url.host}`, exec };
}

/** Says beforehand what kubectl would otherwise be refused for. */
async function warn(platform: Platform, id: string, { signal, complain }: CommandContext): Promise<void> {
  const device = await getJson<{ capabilities?: string[] | null }>(platform, `/devices/${id}`, signal);
  if (device.capabilities?.includes("cluster-api") === false)
    complain(
      "The device lets nobody at its cluster yet: its agent needs --cluster-api (docs/remote-access.md).",
    );
}

/** Throws CommandErrors. */
export async function kubeconfigCommand(
  [wanted = ""]: readonly string[],
  flags: KubeconfigFlags,
  context: CommandContext,
): Promise<void> {
  const { signal, say } = context;
  if (flags.isPrint && flags.file !== undefined)
    throw new CommandError("--print and --file exclude each other; give one.");
  if (flags.context === "") throw new CommandError("--context needs a name.");
  if (flags.namespace !== undefined && !dnsLabel.test(flags.namespace))
    throw new CommandError(`${JSON.stringify(flags.namespace)} is no name of a namespace.`);
  const platform = loadPlatform(context.env, flags);
  if (platform.url.protocol !== "https:")
    throw new CommandError(
      "kubectl sends no token over http://; log in to an https:// address of the console.",
    );
  const { id, name } = await findDevice(platform, wanted, signal);
  const entry: Entry = {
    name: flags.context ?? name,
    server: `${platform.url.origin}${pathOf(platform, `/devices/${id}/cluster`)}`,
    authority: await authorityOf(platform, signal),
    namespace: flags.namespace,
    user: userOf(platform, context),
  };
  if (flags.isPrint) say(mergeEntry("", entry).trimEnd());
  else {
    const path = kubeconfigPath(flags.file, context.env);
    await changeFile(path, (text) => mergeEntry(text, entry));
    const other = flags.file === undefined ? "" : ` --kubeconfig ${path}`;
    say(`${name} is in ${path}. Try: kubectl${other} --context ${entry.name} get pods`);
  }
  await warn(platform, id, context);
}
