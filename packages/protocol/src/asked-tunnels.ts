import { z } from "zod";
import { messageField } from "./fields.ts";
import { limits } from "./limits.ts";
import { tcpTarget } from "./streams/stream-target.ts";

/** In a device's hello: it asks for tunnels. Of a device that doesn't say so, none that it asked for before stay. */
export const tunnelRequestCapability = "tunnel-requests";

const portField = z.number().int().min(1).max(65_535);

/** A port of the platform that a device wants to lead to what it reaches. */
export const askedTunnel = z.strictObject({
  /** As the device resolves it. */
  target: z.strictObject({ host: tcpTarget.shape.host, port: tcpTarget.shape.port }),
  /** Of the platform; absent: any. */
  port: portField.optional(),
  /** Address of the platform to listen on; absent: where it is set up to. */
  listenHost: z.union([z.ipv4(), z.ipv6()]).optional(),
});
export type AskedTunnel = z.output<typeof askedTunnel>;

/** `opening`: it is stored, and not open yet. `failed`: it is stored, and tried again. `refused`: there is none. */
export const askedTunnelStates = ["open", "opening", "failed", "refused"] as const;

export const askedTunnelAnswer = z.object({
  state: z.enum(askedTunnelStates),
  /** Where the platform listens; absent where it was refused. */
  port: portField.optional(),
  /** Why it was refused. */
  code: z.string().max(64).optional(),
  message: messageField.optional(),
});
export type AskedTunnelAnswer = z.output<typeof askedTunnelAnswer>;

/** Calls of the device about the tunnels that it wants. */
export const tunnelRequests = {
  /** All that it wants, each time: what it asked for before and does not name any more is closed. */
  "tunnels:ask": {
    request: z.strictObject({ tunnels: z.array(askedTunnel).max(limits.askedTunnels) }),
    /** In the order of the request. */
    response: z.object({ tunnels: z.array(askedTunnelAnswer).max(limits.askedTunnels) }),
  },
} as const;
