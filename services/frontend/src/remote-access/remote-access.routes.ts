import { clusterRoles } from "@rciots/protocol";
import type { RemoteAccess } from "@rciots/store";
import { z } from "zod";
import { defineRoute, type Route } from "../http/route.ts";
import { networkField } from "../tunnels/tunnel-fields.ts";
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

const deviceTunnels = z
  .strictObject({
    allowFrom: z
      .array(networkField)
      .min(1)
      .max(64)
      .describe("Networks that may connect to them, IPv4 and IPv6: a device that asks has nobody in mind."),
  })
  .nullable()
  .describe(
    "Tunnels that devices ask for themselves (`rciots-agent --tunnel`); null: they may ask for none.",
  );

const remoteAccessSchema = z.object({ ...settings, deviceTunnels }).meta({ id: "RemoteAccess" });
const tag = "Organisation";
const reply = ({ clusterApi, terminal = null, deviceTunnels: ofDevices = null, version }: RemoteAccess) => ({
  // No viewer is ever let at a terminal.
  body: { clusterApi, terminal: terminal === "viewer" ? null : terminal, deviceTunnels: ofDevices },
  version,
});

export function remoteAccessRoutes({ remoteAccess }: { remoteAccess: RemoteAccessService }): Route[] {
  return [
    defineRoute({
      method: "get",
      path: "/organization/remote-access",
      id: "getRemoteAccess",
      tag,
      summary: "What the organisation's people may do on devices, and devices may ask for",
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
      summary: "Say what the organisation's people may do on devices, and devices may ask for",
      description:
        "Takes force at once, also for what is open. A device allows nothing of it unless its agent is told to. Without `deviceTunnels` devices may ask for none.",
      access: "owner",
      sessionOnly: true,
      conditional: true,
      body: z.strictObject({ ...settings, deviceTunnels: deviceTunnels.default(null) }),
      success: { status: 200, about: "The settings.", schema: remoteAccessSchema },
      async handler({ caller, body, context }) {
        return reply(await remoteAccess.replace({ caller, context }, body, context.ifMatch));
      },
    }),
  ];
}
