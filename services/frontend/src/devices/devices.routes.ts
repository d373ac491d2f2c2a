import { objectHealths, objectStatus } from "@rciots/protocol";
import type { Store } from "@rciots/store";
import { z } from "zod";
import { eventSchema, viewEvent } from "../events/event.view.ts";
import { eventQuery, listEvents } from "../events/events.ts";
import { mapPage, pageOf, pageQuery } from "../http/cursor.ts";
import { idParams, labelsField } from "../http/fields.ts";
import { defineRoute, type Route } from "../http/route.ts";
import {
  certificateSchema,
  deviceSchema,
  revisionSchema,
  viewCertificate,
  viewDevice,
  viewRevision,
} from "./device.view.ts";
import { deviceSorts } from "./device-order.ts";
import { deviceQueryFields, toDeviceQuery } from "./device-query.ts";
import type { DevicesService } from "./devices.service.ts";
import { readReportedObjects } from "./reported-objects.ts";

const listQuery = z.strictObject({
  ...pageQuery,
  ...deviceQueryFields,
  sort: z.enum(deviceSorts).default("newest").describe("`last-seen`: the latest first."),
});

const tag = "Devices";
const params = idParams("dev");
const device = { status: 200, about: "The device as it is now.", schema: deviceSchema } as const;

/** As it was stored: what was cut off when it came is plain text by now. */
const objectSchema = objectStatus.extend({ message: z.string().optional() }).meta({ id: "ObjectStatus" });

/** Reading devices. */
function readRoutes({ devices, store }: DeviceRouteOptions): Route[] {
  return [
    defineRoute({
      method: "get",
      path: "/devices",
      id: "listDevices",
      tag,
      summary: "List devices",
      access: "viewer",
      query: listQuery,
      success: {
        status: 200,
        about: "A page.",
        schema: pageOf(deviceSchema).extend({
          total: z.number().int().describe("How many devices match, on all pages."),
        }),
      },
      async handler({ caller, query }) {
        const { total, ...page } = await devices.list(caller.organizationId, toDeviceQuery(query), query);
        return { body: { ...mapPage(page, viewDevice), total } };
      },
    }),
    defineRoute({
      method: "get",
      path: "/devices/summary",
      id: "summarizeDevices",
      tag,
      summary: "How many devices, by status and by state",
      access: "viewer",
      success: {
        status: 200,
        about: "Counts.",
        schema: z.object({
          total: z.number().int(),
          online: z.number().int(),
          byStatus: z.record(z.string(), z.number().int()),
          byState: z.record(z.string(), z.number().int()).describe("Active devices; `none`: never reported."),
        }),
      },
      async handler({ caller }) {
        return { body: await devices.summarize(caller.organizationId) };
      },
    }),
    defineRoute({
      method: "get",
      path: "/devices/{id}",
      id: "getDevice",
      tag,
      summary: "Get a device",
      access: "viewer",
      params,
      success: device,
      problems: [404],
      async handler({ caller, params: { id } }) {
        const found = await devices.get(caller.organizationId, id);
        return { body: viewDevice(found), version: found.version };
      },
    }),
    defineRoute({
      method: "get",
      path: "/devices/{id}/objects",
      id: "listDeviceObjects",
      tag,
      summary: "List the Kubernetes objects a device last reported, the worst first",
      access: "viewer",
      params,
      query: z.strictObject({
        ...pageQuery,
        health: z.enum(objectHealths).optional(),
        kind: z.string().min(1).max(63).optional().describe("Such as `Deployment`."),
        q: z.string().min(1).max(253).optional().describe("Part of the name."),
      }),
      success: {
        status: 200,
        about: "A page.",
        schema: pageOf(objectSchema).extend({
          revision: z.number().int().nullable().describe("Which revision the report is about."),
        }),
      },
      problems: [404],
      async handler({ caller, params: { id }, query }) {
        const { organizationId } = caller;
        await devices.get(organizationId, id);
        return {
          body: await readReportedObjects({
            store,
            organizationId,
            deviceId: id,
            ...query,
            cursor: query.cursor,
          }),
        };
      },
    }),
    defineRoute({
      method: "get",
      path: "/devices/{id}/revisions",
      id: "listDeviceRevisions",
      tag,
      summary: "List what a device was told to run, and how it went",
      access: "viewer",
      params,
      query: z.strictObject(pageQuery),
      success: { status: 200, about: "A page, newest first.", schema: pageOf(revisionSchema) },
      problems: [404],
      async handler({ caller, params: { id }, query }) {
        return { body: mapPage(await devices.revisions(caller.organizationId, id, query), viewRevision) };
      },
    }),
    defineRoute({
      method: "get",
      path: "/devices/{id}/events",
      id: "listDeviceEvents",
      tag,
      summary: "List what happened with a device",
      access: "viewer",
      params,
      query: z.strictObject(eventQuery),
      success: { status: 200, about: "A page, newest first.", schema: pageOf(eventSchema) },
      problems: [404],
      async handler({ caller, params: { id }, query }) {
        await devices.get(caller.organizationId, id);
        const events = await listEvents(store, caller.organizationId, { ...query, deviceId: id });
        return { body: mapPage(events, viewEvent) };
      },
    }),
    defineRoute({
      method: "get",
      path: "/devices/{id}/certificates",
      id: "listDeviceCertificates",
      tag,
      summary: "List a device's certificates, newest first",
      access: "viewer",
      params,
      success: {
        status: 200,
        about: "At most 100.",
        schema: z.object({ items: z.array(certificateSchema) }),
      },
      problems: [404],
      async handler({ caller, params: { id } }) {
        const found = await devices.certificates(caller.organizationId, id);
        return { body: { items: found.map(viewCertificate) } };
      },
    }),
  ];
}

/** Steps in a device's life that need nothing but its id. */
const steps = [
  {
    verb: "deny",
    id: "denyDevice",
    summary: "Refuse a pending device",
    description: "It may be approved later after all.",
  },
  {
    verb: "disable",
    id: "disableDevice",
    summary: "Keep a device out; a live session ends at once",
    description: "What it runs goes on running.",
  },
  { verb: "enable", id: "enableDevice", summary: "Let a disabled device in again", description: "" },
] as const;

function stepRoutes({ devices }: DeviceRouteOptions): Route[] {
  return steps.map(({ verb, id: operationId, summary, description }) =>
    defineRoute({
      method: "post",
      path: `/devices/{id}/${verb}`,
      id: operationId,
      tag,
      summary,
      ...(description === "" ? {} : { description }),
      access: "operator",
      conditional: true,
      params,
      success: device,
      problems: [404, 409],
      async handler({ caller, params: { id }, context }) {
        const changed = await devices[verb]({ caller, context }, { id, ifMatch: context.ifMatch });
        return { body: viewDevice(changed), version: changed.version };
      },
    }),
  );
}

function lifeRoutes({ devices }: DeviceRouteOptions): Route[] {
  return [
    defineRoute({
      method: "post",
      path: "/devices/{id}/approve",
      id: "approveDevice",
      tag,
      summary: "Approve a pending or denied device",
      description: "It gets its certificate when it asks next.",
      access: "operator",
      conditional: true,
      params,
      body: z.strictObject({ labels: labelsField.default({}).describe("Added to its own.") }),
      example: { labels: { site: "berlin" } },
      success: device,
      problems: [404, 409],
      async handler({ caller, params: { id }, body, context }) {
        const changed = await devices.approve(
          { caller, context },
          { id, ifMatch: context.ifMatch },
          body.labels,
        );
        return { body: viewDevice(changed), version: changed.version };
      },
    }),
    defineRoute({
      method: "post",
      path: "/devices/{id}/decommission",
      id: "decommissionDevice",
      tag,
      summary: "Retire a device for good",
      description:
        "The agent forgets its identity, and with `wipeWorkloads` deletes what it applied first. A device that is " +
        "offline is told when it comes back.",
      access: "operator",
      conditional: true,
      params,
      body: z.strictObject({ wipeWorkloads: z.boolean().default(false) }),
      example: { wipeWorkloads: true },
      success: device,
      problems: [404, 409],
      async handler({ caller, params: { id }, body, context }) {
        const target = { id, ifMatch: context.ifMatch };
        const changed = await devices.decommission({ caller, context }, target, body.wipeWorkloads);
        return { body: viewDevice(changed), version: changed.version };
      },
    }),
    defineRoute({
      method: "post",
      path: "/devices/{id}/certificates/revoke",
      id: "revokeDeviceCertificates",
      tag,
      summary: "Revoke all certificates of a device; a live session ends at once",
      description:
        "An active device gets a new one with its device token, by itself. To keep it out, disable it instead.",
      access: "operator",
      params,
      success: { status: 200, about: "Revoked.", schema: z.object({ revoked: z.number().int() }) },
      problems: [404],
      async handler({ caller, params: { id }, context }) {
        return { body: { revoked: await devices.revokeCertificates({ caller, context }, id) } };
      },
    }),
    defineRoute({
      method: "patch",
      path: "/devices/{id}",
      id: "updateDevice",
      tag,
      summary: "Change a device's deadline, from its next revision on",
      access: "operator",
      conditional: true,
      params,
      body: z.strictObject({
        deadlineMs: z
          .number()
          .int()
          .min(1_000)
          .max(86_400_000)
          .describe("Content that isn't healthy this long after it was applied is rolled back."),
      }),
      success: device,
      problems: [404],
      async handler({ caller, params: { id }, body, context }) {
        const target = { id, ifMatch: context.ifMatch };
        const changed = await devices.setDeadline({ caller, context }, target, body.deadlineMs);
        return { body: viewDevice(changed), version: changed.version };
      },
    }),
    defineRoute({
      method: "delete",
      path: "/devices/{id}",
      id: "deleteDevice",
      tag,
      summary: "Delete a decommissioned or denied device",
      description:
        "Before the device was told that it is decommissioned, it can no longer be told after this.",
      access: "operator",
      params,
      success: { status: 204, about: "Deleted, with its history." },
      problems: [404, 409],
      async handler({ caller, params: { id }, context }) {
        await devices.remove({ caller, context }, id);
        return { body: undefined };
      },
    }),
  ];
}

export interface DeviceRouteOptions {
  devices: DevicesService;
  store: Pick<Store, "devices" | "events">;
}

export function deviceRoutes(options: DeviceRouteOptions): Route[] {
  return [...readRoutes(options), ...lifeRoutes(options), ...stepRoutes(options)];
}
