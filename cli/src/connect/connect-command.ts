import { tcpTarget, type TcpTarget } from "@rciots/protocol";
import { CommandError, type CommandContext } from "../command.ts";
import { createChannel } from "./channel.ts";
import { forwardPort, type LocalAddress } from "./forward.ts";
import { findDevice } from "./platform-api.ts";
import { loadPlatform } from "./platform.ts";
import { carryStdio } from "./stdio.ts";

/** `22`, `host:22`, `[fd00::1]:22`, `:22`. */
function splitAddress(text: string): { host: string | undefined; port: number } {
  const [, bracketed, plain, port = ""] = /^(?:(?:\[([^\]]+)\]|([^:[\]]*)):)?(\d{1,5})$/.exec(text) ?? [];
  if (port === "" || Number(port) > 65_535) {
    throw new CommandError(
      `${JSON.stringify(text)} is neither a port nor host:port ([address]:port for IPv6).`,
    );
  }
  return { host: bracketed ?? (plain === "" ? undefined : plain), port: Number(port) };
}

export function parseTarget(text: string): TcpTarget {
  const { host = "127.0.0.1", port } = splitAddress(text);
  const parsed = tcpTarget.safeParse({ kind: "tcp", host, port });
  if (parsed.success) return parsed.data;
  throw new CommandError(`${JSON.stringify(text)} is no host and port that a device could reach.`);
}

export function parseLocal(text: string | undefined): LocalAddress {
  const { host = "127.0.0.1", port } = splitAddress(text ?? "0");
  return { host, port };
}

export interface ConnectFlags {
  local?: string | undefined;
  stdio: boolean;
  caFile?: string | undefined;
  caFingerprint?: string | undefined;
}

/** Throws CommandErrors. */
export async function connectCommand(
  [wanted = "", place = ""]: readonly string[],
  flags: ConnectFlags,
  context: CommandContext,
): Promise<void> {
  if (flags.stdio && flags.local !== undefined)
    throw new CommandError("--stdio and --local exclude each other; give one.");
  const target = parseTarget(place);
  const local = parseLocal(flags.local);
  const { signal } = context;
  const platform = loadPlatform(context.env, flags);
  const { id, name } = await findDevice(platform, wanted, signal);
  const channel = createChannel({
    platform,
    deviceId: id,
    signal,
    onLost(reason) {
      if (!signal.aborted && !flags.stdio) context.complain(reason);
    },
  });
  if (flags.stdio) await carryStdio({ channel, target }, context);
  else await forwardPort({ channel, deviceName: name, target, local }, context);
}
