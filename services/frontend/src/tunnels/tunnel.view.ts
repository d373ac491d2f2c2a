import type { Presence, Tunnel } from "@rciots/store";
import { z } from "zod";

export const tunnelStates = ["opening", "open", "waiting", "failed"] as const;

export const tunnelSchema = z
  .object({
    id: z.string(),
    deviceId: z.string(),
    name: z.string(),
    target: z.object({ host: z.string(), port: z.number() }).describe("As the device resolves it."),
    listenHost: z.string().nullable().describe("Null: where the platform is set up to listen."),
    port: z.number().describe("Where the platform listens; stays the same as long as the tunnel exists."),
    allowFrom: z.array(z.string()).describe("Networks that may connect."),
    protocol: z.string().nullable(),
    maxConnections: z.number(),
    idleTimeoutMs: z.number().nullable(),
    closesAt: z.iso.datetime().nullable(),
    state: z
      .enum(tunnelStates)
      .describe(
        "`waiting`: the device is away, and the port is closed until it is back. `failed`: see `message`.",
      ),
    message: z.string().nullable(),
    usage: z.object({
      connections: z.number().describe("Over all its life, as are the bytes."),
      liveConnections: z.number(),
      sentBytes: z.number().describe("Towards the device."),
      receivedBytes: z.number(),
      lastUsedAt: z.iso.datetime().nullable(),
    }),
    requestedBy: z
      .enum(["person", "device"])
      .describe("`device`: its agent asked for it; closed, it comes back when the device asks again."),
    createdBy: z.string().describe("The person or the device."),
    createdAt: z.iso.datetime(),
    version: z.number(),
  })
  .meta({ id: "Tunnel" });

/** What the store says is open is so only while the device is there. */
export function viewTunnel(
  {
    _id,
    organizationId: _organization,
    reports: _reports,
    closesAt,
    createdAt,
    usage,
    requestedBy,
    ...rest
  }: Tunnel,
  presence: Pick<Presence, "online"> | undefined,
): z.input<typeof tunnelSchema> {
  const isThere = presence?.online === true;
  return {
    id: _id,
    ...rest,
    requestedBy: requestedBy ?? "person",
    state: isThere ? rest.state : "waiting",
    message: isThere ? rest.message : null,
    closesAt: closesAt?.toISOString() ?? null,
    usage: {
      ...usage,
      liveConnections: isThere ? usage.liveConnections : 0,
      lastUsedAt: usage.lastUsedAt?.toISOString() ?? null,
    },
    createdAt: createdAt.toISOString(),
  };
}
