import { digestField, idField, tcpTarget } from "@rciots/protocol";
import { parseFingerprint } from "@rciots/runtime";
import { z } from "zod";
import { mapPage, pageOf, pageQuery } from "../http/cursor.ts";
import { expiryField, idParams, titleField } from "../http/fields.ts";
import { defineAccountRoute, defineRoute, type Route } from "../http/route.ts";
import { viewWebTunnel, webTunnelSchema, type SeenWebTunnel } from "./web-tunnel.view.ts";
import type { WebTunnelsService } from "./web-tunnels.service.ts";

function isFingerprint(text: string): boolean {
  try {
    parseFingerprint(text);
    return true;
  } catch {
    return false;
  }
}

const rules = {
  name: z.union([titleField, z.literal("")]),
  scheme: z.enum(["http", "https"]).describe("What the server speaks."),
  hostHeader: z
    .enum(["target", "browser"])
    .describe("`target`: the server is asked by its own name. `browser`: by the one in the browser."),
  certificateFingerprint: z
    .string()
    .max(128)
    .refine(isFingerprint, "must be the SHA-256 of a certificate")
    .transform((text) => parseFingerprint(text))
    .nullable()
    .describe("Of the certificate that an https server must show; null: any is taken."),
  closesAt: expiryField.nullable().describe("It is closed at this time."),
};

const openBody = z.strictObject({
  name: rules.name.default(""),
  target: z
    .strictObject({ host: tcpTarget.shape.host, port: tcpTarget.shape.port })
    .describe("A name or an address as the device resolves it; 127.0.0.1 is the device itself."),
  scheme: rules.scheme.default("http"),
  hostHeader: rules.hostHeader.default("target"),
  certificateFingerprint: rules.certificateFingerprint.default(null),
  closesAt: rules.closesAt.default(null),
});

const changeBody = z.strictObject({
  name: rules.name.optional(),
  scheme: rules.scheme.optional(),
  hostHeader: rules.hostHeader.optional(),
  certificateFingerprint: rules.certificateFingerprint.optional(),
  closesAt: rules.closesAt.optional(),
});

type Given<T> = { [Key in keyof T]?: Exclude<T[Key], undefined> };
const withoutUndefined = <T extends object>(given: T) =>
  Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Given<T>;
const dateOf = (text: string | null): Date | null => (text === null ? null : new Date(text));

const tag = "Tunnels";
const params = z.strictObject({ id: idField("dev"), webTunnelId: idField("web") });
const reply = (seen: SeenWebTunnel) => ({ body: viewWebTunnel(seen), version: seen.tunnel.version });

export function webTunnelRoutes({ webTunnels }: { webTunnels: WebTunnelsService }): Route[] {
  return [
    defineRoute({
      method: "get",
      path: "/web-tunnels",
      id: "listWebTunnels",
      tag,
      summary: "List the web tunnels of all devices, the newest first",
      access: "viewer",
      query: z.strictObject(pageQuery),
      success: { status: 200, about: "A page.", schema: pageOf(webTunnelSchema) },
      async handler({ caller, query }) {
        return { body: mapPage(await webTunnels.listAll(caller.organizationId, query), viewWebTunnel) };
      },
    }),
    defineRoute({
      method: "get",
      path: "/devices/{id}/web-tunnels",
      id: "listDeviceWebTunnels",
      tag,
      summary: "List a device's web tunnels, the newest first",
      access: "viewer",
      params: idParams("dev"),
      query: z.strictObject(pageQuery),
      success: { status: 200, about: "A page.", schema: pageOf(webTunnelSchema) },
      problems: [404],
      async handler({ caller, params: { id }, query }) {
        const page = await webTunnels.listOfDevice(caller.organizationId, id, query);
        return { body: mapPage(page, viewWebTunnel) };
      },
    }),
    defineRoute({
      method: "post",
      path: "/devices/{id}/web-tunnels",
      id: "openWebTunnel",
      tag,
      summary: "Give a web server that a device reaches a name that browsers open",
      description:
        "No port is opened. Whoever opens the name signs in to the console first, and needs the role `operator`.",
      access: "operator",
      params: idParams("dev"),
      body: openBody,
      success: { status: 201, about: "The web tunnel.", schema: webTunnelSchema },
      problems: [404, 409],
      async handler({ caller, params: { id }, body, context }) {
        const closesAt = dateOf(body.closesAt);
        return reply(await webTunnels.open({ caller, context }, id, { ...body, closesAt }));
      },
    }),
    defineRoute({
      method: "get",
      path: "/devices/{id}/web-tunnels/{webTunnelId}",
      id: "getWebTunnel",
      tag,
      summary: "Read a web tunnel",
      access: "viewer",
      params,
      success: { status: 200, about: "The web tunnel.", schema: webTunnelSchema },
      problems: [404],
      async handler({ caller, params: { id, webTunnelId } }) {
        return reply(await webTunnels.get(caller.organizationId, id, webTunnelId));
      },
    }),
    defineRoute({
      method: "patch",
      path: "/devices/{id}/web-tunnels/{webTunnelId}",
      id: "changeWebTunnel",
      tag,
      summary: "Change a web tunnel; its name and its target stay",
      access: "operator",
      conditional: true,
      params,
      body: changeBody,
      success: { status: 200, about: "As it is now.", schema: webTunnelSchema },
      problems: [404],
      async handler({ caller, params: { id, webTunnelId }, body, context }) {
        const { closesAt, ...rest } = withoutUndefined(body);
        const change = closesAt === undefined ? rest : { ...rest, closesAt: dateOf(closesAt) };
        const ref = { deviceId: id, id: webTunnelId, ifMatch: context.ifMatch };
        return reply(await webTunnels.change({ caller, context }, ref, change));
      },
    }),
    defineRoute({
      method: "delete",
      path: "/devices/{id}/web-tunnels/{webTunnelId}",
      id: "closeWebTunnel",
      tag,
      summary: "Close a web tunnel, and cut what goes through it",
      access: "operator",
      params,
      success: { status: 204, about: "Closed." },
      problems: [404],
      async handler({ caller, params: { id, webTunnelId }, context }) {
        await webTunnels.close({ caller, context }, id, webTunnelId);
        return { body: undefined };
      },
    }),
    defineAccountRoute({
      method: "post",
      path: "/web-access",
      id: "openWebAccess",
      tag,
      summary: "Let the own browser at a web tunnel, with a code that is good once",
      description: "What the console does when a web tunnel's name sends a browser to sign in.",
      access: "signed-in",
      sessionOnly: true,
      body: z.strictObject({
        label: z.string().regex(/^[a-z0-9-]{1,63}$/, "must be the first label of the name"),
        state: digestField.describe("As the name gave it to the browser."),
        to: z.string().max(2_048).default("/").describe("Where to go there."),
      }),
      success: {
        status: 200,
        about: "Where the browser goes next.",
        schema: z.object({ url: z.string() }),
      },
      problems: [404],
      async handler({ caller, body: { label, state, to }, context }) {
        return { body: await webTunnels.admit(caller, context.address, { label, state, path: to }) };
      },
    }),
  ];
}
