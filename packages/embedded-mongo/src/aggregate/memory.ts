import { isDocument, type Value } from "../bson/values.ts";
import { CommandError } from "../errors.ts";

/** What one stage may hold, as in MongoDB, where it cannot use the disk. */
export const MEMORY_LIMIT_BYTES = 100 * 1024 * 1024;

export function memoryExceeded(stage: string): CommandError {
  return new CommandError(
    "QueryExceededMemoryLimitNoDiskUseAllowed",
    `Exceeded memory limit for ${stage}; the embedded store does not use the disk for it`,
  );
}

/** About what a value takes in memory: near enough for a limit. */
export function roughSize(value: Value): number {
  if (typeof value === "string") return 24 + value.length * 2;
  if (Array.isArray(value)) return value.reduce<number>((bytes, one) => bytes + roughSize(one), 32);
  if (!isDocument(value)) return 24;
  let bytes = 64;
  for (const [name, one] of value) bytes += 32 + name.length * 2 + roughSize(one);
  return bytes;
}
