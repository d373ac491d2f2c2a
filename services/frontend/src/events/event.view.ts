import type { Event } from "@rciots/store";
import { z } from "zod";

export const eventSchema = z
  .object({
    id: z.string(),
    kind: z.string().describe("`noun.verb`, such as `device.enrolled`."),
    severity: z.enum(["info", "warning", "error"]),
    deviceId: z.string().nullable(),
    actor: z.object({
      kind: z
        .enum(["user", "api-token", "device", "platform", "provisioning-token", "address"])
        .describe("`address`: somebody of whom no more is known."),
      id: z.string(),
      name: z.string(),
    }),
    message: z.string(),
    details: z.record(z.string(), z.unknown()),
    address: z.string().nullable().describe("The network address it came from."),
    at: z.iso.datetime(),
  })
  .meta({ id: "Event" });

export function viewEvent(event: Event): z.input<typeof eventSchema> {
  const { _id, kind, severity, deviceId, actor, message, details, address, at } = event;
  return { id: _id, kind, severity, deviceId, actor, message, details, address, at: at.toISOString() };
}
