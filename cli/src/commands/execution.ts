import { constants } from "node:os";
import { exitCodes } from "../command.ts";

/** How a command goes on a device, as the platform tells it. */
export interface Execution {
  id: string;
  deviceId: string;
  deviceName: string;
  state: string;
  message: string | null;
  exitCode: number | null;
  signal: string | null;
  outputBytes: number;
}

/** As timeout(1) ends, and as shells say that somebody pressed Ctrl+C. */
const timedOutCode = 124;
const canceledCode = 130;
const signalBase = 128;

export const isOver = ({ state }: Pick<Execution, "state">): boolean =>
  !["pending", "starting", "running"].includes(state);

/** Of what a process may end with; one that isn't 0 stays different from it. */
const ofEightBits = (code: number): number => (code === 0 ? 0 : code & 0xff || exitCodes.fault);

function signalCode(signal: string): number {
  const numbers: Record<string, number | undefined> = constants.signals;
  const number = numbers[signal];
  return number === undefined ? exitCodes.fault : signalBase + number;
}

/** As the command itself ended, where it did. */
export function exitCodeOf({ state, exitCode, signal }: Execution): number {
  if (state === "succeeded") return 0;
  if (state === "timed_out") return timedOutCode;
  if (state === "canceled") return canceledCode;
  if (state === "refused") return exitCodes.refused;
  if (state === "failed" && exitCode !== null) return ofEightBits(exitCode);
  if (state === "failed" && signal !== null) return signalCode(signal);
  return exitCodes.fault;
}

/** Of all devices: that of the only one, or whether it went well on all. */
export function exitCodeOfAll(executions: readonly Execution[], isCanceled: boolean): number {
  const [only, ...others] = executions;
  if (only !== undefined && others.length === 0) return exitCodeOf(only);
  if (executions.every(({ state }) => state === "succeeded")) return 0;
  return isCanceled ? canceledCode : exitCodes.someFailed;
}

/** What a device says is for people's eyes: no sequence in it moves or colours a terminal. */
const plain = (text: string): string => text.replace(/\p{Cc}+/gu, " ");

/** `failed (exit code 4)`, `refused: ...`. */
export function describeEnd({ state, message, exitCode, signal }: Execution): string {
  const code = exitCode === null ? "" : ` (exit code ${exitCode})`;
  const killed = signal === null ? "" : ` (${signal})`;
  const why = message === null ? "" : `: ${message}`;
  return plain(`${state.replace("_", " ")}${code}${killed}${why}`);
}
