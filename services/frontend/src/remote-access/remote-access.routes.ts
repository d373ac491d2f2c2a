import { clusterRoles } from "@rciots/protocol";
import type { RemoteAccess } from "@rciots/store";
import { z } from "zod";
import { defineRoute, type Route } from "../http/route.ts";
import type { RemoteAccessService } from "./remote-access.service.ts";

const clusterAccess = z.enum(["none", ...clusterRoles]);

const settings = {
  clusterApi: z
    .strictObject({
      viewer: clusterAccess,
      operator: clusterAccess,
      admin: clusterAccess,
      owner: clusterAccess,
    })
    .describe(
      "As what the members of each role are taken by a device's cluster, where that device allows so much; `none`: not at all.",
    ),
  terminal: z
    .enum(["operator", "admin", "owner"])
    .nullable()
    .describe("The least role that opens terminals on devices that allow them; null: nobody does."),
};

const remoteAccessSchema = z.object(settings).meta({ id: "RemoteAccess" });
const tag = "Organisation";
const reply = ({ clusterApi, terminal = null, version }: RemoteAccess) => ({
  // No viewer is ever let at a terminal.
  body: { clusterApi, terminal: terminal === "viewer" ? null : terminal },
  version,
});

export function remoteAccessRoutes({ remoteAccess }: { remoteAccess: RemoteAccessService }): Route[] {
  return [
    defineRoute({
      method: "get",
      path: "/organization/remote-access",
      id: "getRemoteAccess",
      tag,
      summary: "What the organisation's people may do on devices",
      access: "viewer",
      conditional: true,
      success: { status: 200, about: "The settings.", schema: remoteAccessSchema },
      async handler({ caller }) {
        return reply(await remoteAccess.get(caller.organizationId));
      },
    }),
    defineRoute({
      method: "put",
      path: "/organization/remote-access",
      id: "replaceRemoteAccess",
      tag,
      summary: "Say what the organisation's people may do on devices",
      description:
        "Takes force at once, also for what is open. A device allows nothing of it unless its agent is told to.",
      access: "owner",
      sessionOnly: true,
      conditional: true,
      body: z.strictObject(settings),
      success: { status: 200, about: "The settings.", schema: remoteAccessSchema },
      async handler({ caller, body, context }) {
        return reply(await remoteAccess.replace({ caller, context }, body, context.ifMatch));
      },
    }),
  ];
}
