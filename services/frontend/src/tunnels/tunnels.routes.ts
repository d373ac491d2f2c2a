import { idField, tcpTarget } from "@rciots/protocol";
import { isIP } from "node:net";
import { z } from "zod";
import { mapPage, pageOf, pageQuery } from "../http/cursor.ts";
import { expiryField, idParams, titleField } from "../http/fields.ts";
import { defineRoute, type Route } from "../http/route.ts";
import { networkField } from "./tunnel-fields.ts";
import { tunnelSchema, viewTunnel } from "./tunnel.view.ts";
import type { SeenTunnel, TunnelsService } from "./tunnels.service.ts";

const dayMs = 86_400_000;

const targetField = z
  .strictObject({ host: tcpTarget.shape.host, port: tcpTarget.shape.port })
  .describe("A name or an address as the device resolves it; 127.0.0.1 is the device itself.");

const rules = {
  name: z.union([titleField, z.literal("")]),
  allowFrom: z.array(networkField).min(1).max(64).describe("Networks that may connect, IPv4 and IPv6."),
  protocol: z
    .string()
    .regex(/^[a-z][a-z0-9+.-]{0,31}$/, "must be a word such as ssh")
    .nullable()
    .describe("What is spoken, such as `ssh`, `http` or `rdp`: a hint for people and programs."),
  maxConnections: z.number().int().min(1).max(1_000),
  idleTimeoutMs: z
    .number()
    .int()
    .min(10_000)
    .max(30 * dayMs)
    .nullable()
    .describe("The tunnel is closed once nothing went through it for so long."),
  closesAt: expiryField.nullable().describe("The tunnel is closed at this time."),
};

const openBody = z.strictObject({
  name: rules.name.default(""),
  target: targetField,
  port: z
    .number()
    .int()
    .min(1)
    .max(65_535)
    .optional()
    .describe("Of the platform's range; absent: one that is free, at random."),
  listenHost: z
    .string()
    .max(64)
    .refine((text) => isIP(text) !== 0, "must be an address of the platform")
    .nullable()
    .default(null),
  allowFrom: rules.allowFrom.optional().describe("Networks that may connect; absent: the address that asks."),
  protocol: rules.protocol.default(null),
  maxConnections: rules.maxConnections.default(64),
  idleTimeoutMs: rules.idleTimeoutMs.default(null),
  closesAt: rules.closesAt.default(null),
});

const changeBody = z.strictObject({
  name: rules.name.optional(),
  allowFrom: rules.allowFrom.optional(),
  protocol: rules.protocol.optional(),
  maxConnections: rules.maxConnections.optional(),
  idleTimeoutMs: rules.idleTimeoutMs.optional(),
  closesAt: rules.closesAt.optional(),
});

type Given<T> = { [Key in keyof T]?: Exclude<T[Key], undefined> };
const withoutUndefined = <T extends object>(given: T) =>
  Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Given<T>;
const dateOf = (text: string | null): Date | null => (text === null ? null : new Date(text));

const tag = "Tunnels";
const deviceParams = idParams("dev");
const params = z.strictObject({ id: idField("dev"), tunnelId: idField("tun") });
const view = ({ tunnel, online }: SeenTunnel) => viewTunnel(tunnel, { online });
const reply = (seen: SeenTunnel) => ({ body: view(seen), version: seen.tunnel.version });

export function tunnelRoutes({ tunnels }: { tunnels: TunnelsService }): Route[] {
  return [
    defineRoute({
      method: "get",
      path: "/tunnels",
      id: "listTunnels",
      tag,
      summary: "List the tunnels of all devices, the newest first",
      access: "viewer",
      query: z.strictObject(pageQuery),
      success: { status: 200, about: "A page.", schema: pageOf(tunnelSchema) },
      async handler({ caller, query }) {
        return { body: mapPage(await tunnels.listAll(caller.organizationId, query), view) };
      },
    }),
    defineRoute({
      method: "get",
      path: "/devices/{id}/tunnels",
      id: "listDeviceTunnels",
      tag,
      summary: "List a device's tunnels, the newest first",
      access: "viewer",
      params: deviceParams,
      query: z.strictObject(pageQuery),
      success: { status: 200, about: "A page.", schema: pageOf(tunnelSchema) },
      problems: [404],
      async handler({ caller, params: { id }, query }) {
        return { body: mapPage(await tunnels.listOfDevice(caller.organizationId, id, query), view) };
      },
    }),
    defineRoute({
      method: "post",
      path: "/devices/{id}/tunnels",
      id: "openTunnel",
      tag,
      summary: "Open a port of the platform that leads to a TCP port which the device reaches",
      description:
        "It is stored: it is there again after a restart of the platform, and on the same port whenever the device comes back. Where the device is away it is `waiting`.",
      access: "operator",
      params: deviceParams,
      body: openBody,
      success: { status: 201, about: "Open, or waiting for the device.", schema: tunnelSchema },
      problems: [400, 404, 409],
      async handler({ caller, params: { id }, body, context }) {
        const closesAt = dateOf(body.closesAt);
        return reply(await tunnels.open({ caller, context }, id, { ...body, closesAt }));
      },
    }),
    defineRoute({
      method: "post",
      path: "/devices/{id}/tunnels/check",
      id: "checkTunnelTarget",
      tag,
      summary: "See whether the device gets a connection to a target",
      description: "The connection is closed at once; nothing is sent.",
      access: "operator",
      params: deviceParams,
      body: targetField,
      success: {
        status: 200,
        about: "It was connected to.",
        schema: z.object({ durationMs: z.number().describe("From here to the target and back.") }),
      },
      problems: [404, 409, 502, 504],
      async handler({ caller, params: { id }, body, context }) {
        return { body: await tunnels.check({ caller, context }, id, body) };
      },
    }),
    defineRoute({
      method: "get",
      path: "/devices/{id}/tunnels/{tunnelId}",
      id: "getTunnel",
      tag,
      summary: "Read a tunnel, its usage up to this moment",
      access: "viewer",
      params,
      success: { status: 200, about: "The tunnel.", schema: tunnelSchema },
      problems: [404],
      async handler({ caller, params: { id, tunnelId } }) {
        return reply(await tunnels.get(caller.organizationId, id, tunnelId));
      },
    }),
    defineRoute({
      method: "patch",
      path: "/devices/{id}/tunnels/{tunnelId}",
      id: "changeTunnel",
      tag,
      summary: "Change a tunnel while it is open",
      description: "Connections from networks that are no longer allowed are cut.",
      access: "operator",
      conditional: true,
      params,
      body: changeBody,
      success: { status: 200, about: "The tunnel as it is now.", schema: tunnelSchema },
      problems: [404],
      async handler({ caller, params: { id, tunnelId }, body, context }) {
        const ref = { deviceId: id, id: tunnelId, ifMatch: context.ifMatch };
        const { closesAt, ...rest } = withoutUndefined(body);
        const change = closesAt === undefined ? rest : { ...rest, closesAt: dateOf(closesAt) };
        return reply(await tunnels.change({ caller, context }, ref, change));
      },
    }),
    defineRoute({
      method: "delete",
      path: "/devices/{id}/tunnels/{tunnelId}",
      id: "closeTunnel",
      tag,
      summary: "Close a tunnel and free its port",
      access: "operator",
      params,
      query: z.strictObject({
        force: z
          .enum(["true", "false"])
          .default("false")
          .transform((text) => text === "true")
          .describe("Also where connections are open through it; they are cut."),
      }),
      success: { status: 204, about: "Closed." },
      problems: [404, 409],
      async handler({ caller, params: { id, tunnelId }, query: { force }, context }) {
        await tunnels.close({ caller, context }, { deviceId: id, id: tunnelId, force });
        return { body: undefined };
      },
    }),
  ];
}
