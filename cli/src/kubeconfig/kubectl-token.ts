import { CommandError, exitCodes, type CommandContext } from "../command.ts";
import { loadPlatform, parseUrl } from "../connect/platform.ts";

/** What kubectl runs for its credential (client.authentication.k8s.io/v1). Of no other platform than the one asked for. */
export function kubectlTokenCommand(
  [address = ""]: readonly string[],
  { env, say }: Pick<CommandContext, "env" | "say">,
): void {
  const wanted = parseUrl(address);
  const { url, token } = loadPlatform(env, {});
  if (url.href !== wanted.href) {
    const message = `You are logged in to ${url.host}: rciots login ${wanted.href} first.`;
    throw new CommandError(message, exitCodes.refused);
  }
  const status = { token };
  say(JSON.stringify({ apiVersion: "client.authentication.k8s.io/v1", kind: "ExecCredential", status }));
}
