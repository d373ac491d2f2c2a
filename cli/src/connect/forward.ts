import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { joinSocket, resetSocket, type TcpTarget } from "@rciots/protocol";
import { joinHostPort } from "@rciots/runtime";
import { CommandError, exitCodes, type CommandContext } from "../command.ts";
import type { Channel } from "./channel.ts";

export interface LocalAddress {
  host: string;
  port: number;
}

async function listen(server: Server, { host, port }: LocalAddress): Promise<AddressInfo> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) =>
      reject(new CommandError(`Can't listen on ${host}:${port}: ${error.message}.`, exitCodes.fault)),
    );
    server.listen(port, host, resolve);
  });
  return server.address() as AddressInfo;
}

/** Listens here and carries each connection to the target, until the signal aborts or the platform says no for good. */
export async function forwardPort(
  options: { channel: Channel; deviceName: string; target: TcpTarget; local: LocalAddress },
  { say, complain, signal }: CommandContext,
): Promise<void> {
  const { channel, deviceName, target, local } = options;
  const sockets = new Set<Socket>();
  const over = new AbortController();

  async function carry(socket: Socket): Promise<void> {
    const giveUp = new AbortController();
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.once("close", () => {
      sockets.delete(socket);
      giveUp.abort();
    });
    try {
      joinSocket(await channel.open(target, giveUp.signal), socket);
      socket.resume();
    } catch (error) {
      resetSocket(socket);
      if (!giveUp.signal.aborted || !(error instanceof CommandError))
        complain(error instanceof Error ? error.message : String(error));
      // Signed out, not allowed, no such device: nothing gets better by itself.
      const isFinal = error instanceof CommandError && error.exitCode !== exitCodes.fault;
      if (isFinal && error.exitCode !== exitCodes.unreachable) over.abort(error);
    }
  }

  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => void carry(socket));
  await channel.connect();
  const { address, port } = await listen(server, local);
  say(
    `${joinHostPort(address, port)} leads to ${target.host}:${target.port} of ${deviceName}. Ctrl+C ends it.`,
  );
  try {
    await new Promise<void>((resolve, reject) => {
      signal.addEventListener("abort", () => resolve(), { once: true });
      over.signal.addEventListener("abort", () => reject(over.signal.reason as CommandError), { once: true });
    });
  } finally {
    server.close();
    for (const socket of sockets) resetSocket(socket);
    channel.close();
  }
}
