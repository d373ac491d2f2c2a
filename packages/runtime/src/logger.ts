import { pino, stdTimeFunctions } from "pino";

/** Structured, levelled log; `child` adds fields (request id, device id) to every line. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: object): Logger;
}

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";
export const logLevels: readonly LogLevel[] = ["debug", "info", "warn", "error", "silent"];

/** Last line of defence: fields of these names are blanked wherever a caller forgot. */
const secretFields = [
  "authorization",
  "password",
  "token",
  "deviceToken",
  "provisioningToken",
  "privateKey",
  "cookie",
  "secret",
];

/** One JSON object a line on standard output (or `write`). */
export function createLogger(
  options: { level?: LogLevel; name?: string; write?: (line: string) => void } = {},
): Logger {
  const { level = "info", name, write } = options;
  const settings = {
    level,
    ...(name === undefined ? {} : { name }),
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: secretFields.flatMap((field) => [field, `*.${field}`]), censor: "[redacted]" },
  };
  return write === undefined ? pino(settings) : pino(settings, { write });
}

export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};
