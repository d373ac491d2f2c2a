import type { Readable, Writable } from "node:stream";

export interface CommandContext {
  say: (line: string) => void;
  /** Of the process. */
  env: Readonly<Record<string, string | undefined>>;
  /** Runs this program: an absolute path, and what comes before its arguments. */
  program: readonly [string, ...string[]];
  /** For warnings and errors: what is said there is no part of the result. */
  complain: (line: string) => void;
  stdin: Readable & { isTTY?: boolean };
  stdout: Writable;
  stderr: Writable;
  /** Lets whoever reads `stdout` see its end. */
  endStdout: () => void;
  /** Aborts when the person ends the command. */
  signal: AbortSignal;
}

/** 0 is success. */
export const exitCodes = {
  /** Something went wrong on the way. */
  fault: 1,
  /** The call itself is wrong. */
  usage: 2,
  /** Not signed in, or not allowed. */
  refused: 3,
  /** There is no such device. */
  notFound: 4,
  /** The platform doesn't answer. */
  unreachable: 5,
  /** It did not go well on all devices. */
  someFailed: 6,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** What a person did wrong, or has to do first; its message is all they are told. */
export class CommandError extends Error {
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode = exitCodes.usage, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}
