import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { resolve } from "node:path";
import { CommandError, type CommandContext } from "../command.ts";
import { configFile, removeProfile, writeProfile, type Profile } from "./config-file.ts";
import { getJson } from "./platform-api.ts";
import { defined, parseUrl, proxyOf, requireSafe, trustOf } from "./platform.ts";

const maxTokenChars = 512;

/** From a person, without showing it, or from a pipe: never from the command line, which everybody can see. */
async function readToken({ stdin, complain, signal }: CommandContext): Promise<string> {
  if (stdin.isTTY !== true) {
    let text = "";
    for await (const chunk of stdin) {
      text += String(chunk);
      if (text.length > maxTokenChars) break;
    }
    return text.trim();
  }
  complain("API token (made in the console under API tokens; it isn't shown here):");
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const prompt = createInterface({ input: stdin, output: silent, terminal: true });
  try {
    return (await prompt.question("", { signal })).trim();
  } finally {
    prompt.close();
  }
}

interface Me {
  username?: string;
  user?: { username: string };
}

/** Tries the token, and keeps it in a file that nobody else may read. */
export async function loginCommand(
  [address = ""]: readonly string[],
  flags: { caFile?: string | undefined; caFingerprint?: string | undefined },
  context: CommandContext,
): Promise<void> {
  const url = parseUrl(address);
  requireSafe(url);
  const token = await readToken(context);
  if (token === "" || token.length > maxTokenChars || /\s/.test(token))
    throw new CommandError("That is no token: give one of the console's API tokens on stdin.");
  const known = defined({ ...flags, caFile: flags.caFile === undefined ? undefined : resolve(flags.caFile) });
  const platform = { url, token, trust: trustOf(known), proxyFor: proxyOf(context.env) };
  await getJson<Me>(platform, "/me", context.signal);
  const file = configFile(context.env);
  writeProfile(file, { url: url.href, token, ...known } satisfies Profile);
  context.say(`Logged in to ${url.host}. The token is in ${file}; rciots logout removes it.`);
}

export function logoutCommand({ env, say }: CommandContext): void {
  removeProfile(configFile(env));
  say("The token is removed from this machine. Revoke it in the console where it isn't used any more.");
}
