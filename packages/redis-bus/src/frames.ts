import { decode, encode } from "@msgpack/msgpack";
import { z } from "zod";

/** A message larger than this is refused where it would be sent: Redis holds it for every subscriber. */
export const maxFrameBytes = 16 * 1_048_576;

const id = z.string().min(1).max(64);

/** A hint; `origin` has delivered it to its own subscribers already. */
export const hintFrame = z.strictObject({ origin: id, payload: z.unknown() });

/** To whoever serves an address. */
export const requestFrame = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("call"),
    id,
    /** The instance that waits. */
    from: id,
    timeoutMs: z.number().int().min(1).max(3_600_000),
    request: z.unknown(),
  }),
  z.strictObject({ kind: z.literal("cancel"), id, from: id }),
]);
export type RequestFrame = z.output<typeof requestFrame>;

/** To the instance that waits. */
export const replyFrame = z.discriminatedUnion("ok", [
  z.strictObject({ ok: z.literal(true), id, data: z.unknown() }),
  z.strictObject({
    ok: z.literal(false),
    id,
    error: z.strictObject({
      code: z.string().max(64),
      status: z.number().int().min(400).max(599),
      message: z.string().max(4_096),
      details: z.record(z.string(), z.unknown()).optional(),
    }),
  }),
]);
export type ReplyFrame = z.output<typeof replyFrame>;

/** MessagePack: bytes stay bytes, dates stay dates. */
export function encodeFrame(frame: unknown): Buffer {
  const bytes = encode(frame, { ignoreUndefined: true });
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Undefined for what is no such frame; whoever else writes to these channels can't make anything of us throw. */
export function decodeFrame<Schema extends z.ZodType>(
  schema: Schema,
  bytes: Uint8Array,
): z.output<Schema> | undefined {
  try {
    return schema.safeParse(decode(bytes)).data;
  } catch {
    return undefined;
  }
}
