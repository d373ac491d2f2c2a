import { idField } from "@rciots/protocol";
import { z } from "zod";
import { idParams } from "../http/fields.ts";
import { defineRoute, type Route } from "../http/route.ts";
import { networkField } from "../tunnels/tunnel-fields.ts";
import type { RportService } from "./rport.service.ts";
import { parseLocal, parseRemote } from "./rport-remote.ts";
import { rportSessionSchema, rportTunnelSchema } from "./rport.view.ts";

const tag = "rport";
const placeField = z.string().min(1).max(300);

/** Networks with commas between. */
const aclField = z
  .string()
  .max(4_096)
  .transform((text) => text.split(",").map((part) => part.trim()))
  .pipe(z.array(networkField).min(1).max(64))
  .meta({ maxLength: 4_096 });

/** The API of rport 0.1, for programs that were written for it. */
export function rportRoutes({ rport }: { rport: RportService }): Route[] {
  return [
    defineRoute({
      method: "get",
      path: "/sessions",
      id: "listRportSessions",
      tag,
      summary: "List the devices that are connected, and their tunnels, as rport 0.1 does",
      access: "viewer",
      success: { status: 200, about: "All of them.", schema: z.array(rportSessionSchema) },
      async handler({ caller }) {
        const chunks = rport.sessions(caller.organizationId);
        return { body: [], stream: { contentType: "application/json; charset=utf-8", chunks } };
      },
    }),
    defineRoute({
      method: "put",
      path: "/sessions/{id}/tunnels",
      id: "openRportTunnel",
      tag,
      summary: "Open a tunnel as rport 0.1 does",
      description:
        "Asked for again, the tunnel that is there is answered. Everything else is as with `POST /devices/{id}/tunnels`.",
      access: "operator",
      params: idParams("dev"),
      query: z.strictObject({
        local: placeField.optional().describe("Where the platform listens: `4000` or `address:4000`."),
        remote: placeField.describe("What the device connects to: `22`, or `host:80`."),
        acl: aclField.optional().describe("Networks that may connect; absent: the address that asks."),
      }),
      success: { status: 200, about: "The tunnel.", schema: rportTunnelSchema },
      problems: [400, 404, 409],
      async handler({ caller, params: { id }, query, context }) {
        const wish = {
          ...parseLocal(query.local),
          target: parseRemote(query.remote),
          allowFrom: query.acl,
        };
        return { body: await rport.open({ caller, context }, id, wish) };
      },
    }),
    defineRoute({
      method: "delete",
      path: "/sessions/{id}/tunnels/{tunnelId}",
      id: "closeRportTunnel",
      tag,
      summary: "Close a tunnel as rport 0.1 does, and cut what goes through it",
      access: "operator",
      params: z.strictObject({ id: idField("dev"), tunnelId: idField("tun") }),
      success: { status: 204, about: "Closed." },
      problems: [404],
      async handler({ caller, params: { id, tunnelId }, context }) {
        await rport.close({ caller, context }, id, tunnelId);
        return { body: undefined };
      },
    }),
  ];
}
