import { createHash } from "node:crypto";
import { once } from "node:events";
import { stat } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rmSync } from "node:fs";
import { AppError } from "@rciots/runtime";

/** Held while an agent uses a state folder. */
export interface StateLock {
  release(): Promise<void>;
}

/**
 * Keeps a second agent off the same state folder: two would take turns at ending each other's sessions.
 * The lock is a listening socket that the kernel takes away with its process, so that none is left behind by
 * a kill. Rejects with `state_in_use`.
 */
export async function lockStateFolder(folder: string): Promise<StateLock> {
  const { dev, ino } = await stat(folder, { bigint: true });
  const name = `rciots-agent-${createHash("sha256").update(`${dev}:${ino}`).digest("hex").slice(0, 32)}`;
  const address = socketAddress(name);
  const server = await listenOnce(address, folder);
  server.unref();
  return {
    async release() {
      const closed = once(server, "close");
      server.close();
      await closed;
    },
  };
}

function socketAddress(name: string): string {
  if (process.platform === "win32") return `\\\\.\\pipe\\${name}`;
  // Linux has names that are no files and end with their owner; elsewhere it is a file.
  return process.platform === "linux" ? `\0${name}` : join(tmpdir(), `${name}.sock`);
}

async function listenOnce(address: string, folder: string): Promise<Server> {
  try {
    return await listen(address);
  } catch (error) {
    if (!isInUse(error)) throw error;
    if (address.startsWith("\0") || (await isAnswered(address))) throw inUse(folder, error);
    // A socket file that nobody listens on is what a killed process left.
    rmSync(address, { force: true });
    return listen(address).catch((again: unknown) => {
      throw isInUse(again) ? inUse(folder, again) : again;
    });
  }
}

async function listen(address: string): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  server.listen(address);
  await once(server, "listening");
  return server;
}

function isAnswered(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(address);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

function isInUse(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EADDRINUSE";
}

function inUse(folder: string, cause: unknown): AppError {
  return new AppError({
    code: "state_in_use",
    status: 409,
    message: `Another agent uses the state folder ${folder}. Stop it, or give this one a folder of its own with --state-dir.`,
    cause,
  });
}
