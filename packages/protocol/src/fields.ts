import { z } from "zod";
import { limits } from "./limits.ts";

/** `dev_01J...`: see `newId`. */
export const idField = (prefix: string) =>
  z
    .string()
    .regex(
      new RegExp(`^${prefix}_[0-9A-HJKMNP-TV-Z]{26}$`),
      `must be an identifier that begins with ${prefix}_`,
    );

/** A DNS label, because device names end up in object names, host names and subdomains. */
export const deviceNameField = z
  .string()
  .min(1)
  .max(limits.deviceNameChars, `must have at most ${limits.deviceNameChars} characters`)
  .regex(
    /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/,
    "must hold lower-case letters, digits and hyphens only, and begin and end with a letter or digit",
  );

/** Kubernetes label syntax without prefix or dots: a key is also a field name in the store's queries. */
const labelKeyField = z
  .string()
  .max(limits.labelKeyChars)
  .regex(
    /^[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?$/,
    "must be letters, digits, '-' and '_', beginning and ending with a letter or digit",
  );
const labelValueField = z
  .string()
  .max(limits.labelValueChars)
  .regex(
    /^([A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?)?$/,
    "must be letters, digits, '-', '_' and '.', beginning and ending with a letter or digit",
  );

export const labelsField = z
  .record(labelKeyField, labelValueField)
  .refine(
    (labels) => Object.keys(labels).length <= limits.labels,
    `must have at most ${limits.labels} labels`,
  );

/** SHA-256 in lower-case hex. */
export const digestField = z.string().regex(/^[0-9a-f]{64}$/, "must be a SHA-256 in hex");

const controlCharacters = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g;

/** Text for people, as a device sends it: control characters are dropped and length is cut, not refused. */
export const messageField = z
  .string()
  .max(limits.messageBytes)
  .transform((text) => text.replace(controlCharacters, "").slice(0, limits.messageChars));

const shortText = z
  .string()
  .max(4_096)
  .transform((text) => text.replace(controlCharacters, "").slice(0, 256));

/** What a device says of itself. Every part is optional: a simulator or a foreign client may know less. */
export const factsField = z.strictObject({
  hostname: shortText.optional(),
  os: shortText.optional(),
  kernel: shortText.optional(),
  architecture: shortText.optional(),
  addresses: z.array(shortText).max(32).optional(),
  agentVersion: shortText.optional(),
  cpuCount: z.number().int().min(0).max(65_536).optional(),
  memoryBytes: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
  /** `kubernetes`, `microshift`, `openshift` or another word; absent where there is no cluster. */
  clusterKind: shortText.optional(),
  clusterVersion: shortText.optional(),
  /** Milliseconds the device's clock is ahead of the platform's, as the agent measured it. */
  clockOffsetMs: z.number().int().min(-1e15).max(1e15).optional(),
  simulated: z.boolean().optional(),
});
export type Facts = z.output<typeof factsField>;
