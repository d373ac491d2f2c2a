import { readdir, readFile } from "node:fs/promises";

/** In the environment of everything that a command starts, unless it takes care to lose it. */
export const familyVariable = "RCIOTS_COMMAND_ID";

const concurrency = 32;

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It is gone, or another user's.
  }
}

/** Processes that a command started, also those that left its group or lost their parents. Linux alone can tell. */
async function membersOf(commandId: string): Promise<number[]> {
  const mark = Buffer.from(`${familyVariable}=${commandId}\0`);
  const pids = (await readdir("/proc").catch(() => [])).filter((name) => /^\d+$/.test(name));
  const members: number[] = [];
  async function look(): Promise<void> {
    for (let pid = pids.pop(); pid !== undefined; pid = pids.pop()) {
      const environment = await readFile(`/proc/${pid}/environ`).catch(() => undefined);
      if (environment?.includes(mark) === true) members.push(Number(pid));
    }
  }
  await Promise.all(Array.from({ length: concurrency }, look));
  return members;
}

/** Sends a signal to a command's process group, where it has one, and to all that it started. */
export async function signalFamily(
  commandId: string,
  groupId: number | undefined,
  signal: NodeJS.Signals,
): Promise<void> {
  if (groupId !== undefined) send(-groupId, signal);
  for (const pid of await membersOf(commandId)) send(pid, signal);
}
