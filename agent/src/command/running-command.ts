import type { CommandOutcome, DeviceRequest } from "@rciots/protocol";
import type { CommandRequest } from "./command-rules.ts";

export type OutputStream = DeviceRequest<"command:output">["pieces"][number]["stream"];

/** How a command ended by itself. */
export interface CommandExit {
  outcome: Extract<CommandOutcome, "exited" | "signaled" | "failed" | "lost">;
  exitCode?: number;
  signal?: string;
  message?: string;
}

/** A command under way, wherever it runs. */
export interface RunningCommand {
  /** Resolves once it has ended and all its output was told; never rejects. */
  readonly ended: Promise<CommandExit>;
  /** Sends a signal to everything that it started. */
  signal(name: "SIGTERM" | "SIGKILL"): Promise<void>;
  /** Ends the watch over what can't be ended; `ended` resolves soon. */
  abandon(): void;
  /** Makes it wait as soon as it writes more. */
  pause(): void;
  resume(): void;
}

export type LaunchCommand = (
  request: CommandRequest,
  onOutput: (stream: OutputStream, data: Buffer) => void,
) => Promise<RunningCommand>;
