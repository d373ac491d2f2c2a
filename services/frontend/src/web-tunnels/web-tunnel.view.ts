import type { WebTunnel } from "@rciots/store";
import { z } from "zod";

export const webTunnelSchema = z
  .object({
    id: z.string(),
    deviceId: z.string(),
    name: z.string(),
    url: z.string().describe("Where a browser opens it, signed in to the console."),
    target: z.object({ host: z.string(), port: z.number() }).describe("As the device resolves it."),
    scheme: z.enum(["http", "https"]).describe("What the server behind speaks."),
    hostHeader: z.enum(["target", "browser"]),
    certificateFingerprint: z
      .string()
      .nullable()
      .describe("SHA-256 of the certificate that an https server must show; null: any is taken."),
    closesAt: z.iso.datetime().nullable(),
    online: z.boolean().describe("Whether the device is connected."),
    usage: z.object({
      requests: z.number(),
      sentBytes: z.number().describe("Towards the device."),
      receivedBytes: z.number(),
      lastUsedAt: z.iso.datetime().nullable(),
    }),
    createdBy: z.string(),
    createdAt: z.iso.datetime(),
    version: z.number(),
  })
  .meta({ id: "WebTunnel" });

export interface SeenWebTunnel {
  tunnel: WebTunnel;
  online: boolean;
  url: string;
}

export function viewWebTunnel({ tunnel, online, url }: SeenWebTunnel): z.input<typeof webTunnelSchema> {
  const { _id, organizationId: _organization, label: _label, closesAt, createdAt, usage, ...rest } = tunnel;
  return {
    id: _id,
    ...rest,
    url,
    online,
    closesAt: closesAt?.toISOString() ?? null,
    usage: { ...usage, lastUsedAt: usage.lastUsedAt?.toISOString() ?? null },
    createdAt: createdAt.toISOString(),
  };
}
