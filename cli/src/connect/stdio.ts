import { createStreamDuplex, type TcpTarget } from "@rciots/protocol";
import { CommandError, exitCodes, type CommandContext } from "../command.ts";
import type { Channel } from "./channel.ts";

/** Carries stdin and stdout to the target, each until it ends: what OpenSSH's ProxyCommand wants. */
export async function carryStdio(
  { channel, target }: { channel: Channel; target: TcpTarget },
  { stdin, stdout, endStdout, signal }: CommandContext,
): Promise<void> {
  try {
    const duplex = createStreamDuplex(await channel.open(target, signal));
    signal.addEventListener("abort", () => duplex.destroy(), { once: true });
    stdout.on("error", () => duplex.destroy());
    stdin.pipe(duplex);
    duplex.pipe(stdout, { end: false });
    duplex.once("end", endStdout);
    await new Promise<void>((resolve, reject) => {
      duplex.once("error", reject);
      duplex.once("close", resolve);
    });
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new CommandError(error instanceof Error ? error.message : String(error), exitCodes.fault);
  } finally {
    stdin.destroy();
    channel.close();
  }
}
