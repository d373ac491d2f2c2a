import { idField } from "@rciots/protocol";
import { z } from "zod";
import { labelsField, labelsPatch } from "../http/fields.ts";
import { defineRoute, type Route } from "../http/route.ts";
import { bulkStepSize, maxBulkDevices, type BulkService } from "./bulk.service.ts";
import { maxAssignments } from "./device-content.service.ts";
import { deviceSelectorField, toDeviceQuery } from "./device-query.ts";
import { deviceStatuses } from "./device.view.ts";

const tag = "Devices";
const maxIds = 500;
const idsField = z
  .array(idField("dev"))
  .min(1)
  .max(maxIds)
  .refine((ids) => new Set(ids).size === ids.length, "must not name a device twice");
const templateIdsField = z.array(idField("tpl")).min(1).max(maxAssignments);

const actionField = z.discriminatedUnion("action", [
  z.strictObject({
    action: z.literal("approve"),
    labels: labelsField.default({}).describe("Added to their own."),
  }),
  z.strictObject({ action: z.enum(["deny", "disable", "enable"]) }),
  z.strictObject({ action: z.literal("decommission"), wipeWorkloads: z.boolean().default(false) }),
  z.strictObject({
    action: z.literal("set-labels"),
    labels: labelsPatch.describe(
      "Added to their own, or in place of those of the same name; null removes one.",
    ),
  }),
  z.strictObject({
    action: z.enum(["assign-templates", "unassign-templates"]),
    templateIds: templateIdsField.describe("Assigned besides those they have; or taken away."),
  }),
]);

const errorSchema = z.object({ code: z.string(), message: z.string() }).nullable();
const resultSchema = z
  .object({
    id: z.string(),
    name: z.string().nullable(),
    outcome: z.enum(["changed", "unchanged", "failed"]).describe("`unchanged`: it was so already."),
    status: z.enum(deviceStatuses).nullable(),
    error: errorSchema,
  })
  .meta({ id: "BulkResult" });

export function bulkRoutes({ bulk }: { bulk: BulkService }): Route[] {
  return [
    defineRoute({
      method: "post",
      path: "/devices/bulk",
      id: "changeDevices",
      tag,
      summary: "Change many devices alike",
      description:
        `Those named by \`ids\`, or all that \`selector\` means (at most ${maxBulkDevices}), ${bulkStepSize} of them in a call: ` +
        "repeat the call with `nextCursor` as `cursor` until it is null. Each device on its own: the answer says how " +
        "it went.",
      access: "operator",
      body: z
        .strictObject({
          ids: idsField.optional(),
          selector: deviceSelectorField.optional(),
          cursor: z.string().max(512).optional().describe("Of the step before; with `selector` only."),
          change: actionField,
        })
        .refine(
          (body) => (body.ids === undefined) !== (body.selector === undefined),
          "give ids or a selector",
        )
        .refine((body) => body.cursor === undefined || body.ids === undefined, "ids have no cursor"),
      success: {
        status: 200,
        about: "One result for each device of this step.",
        schema: z.object({
          matched: z.number().int().describe("Devices that match now, of all steps."),
          results: z.array(resultSchema),
          nextCursor: z.string().nullable(),
        }),
      },
      async handler({ caller, body, context }) {
        const { ids, selector = {}, cursor, change } = body;
        const acting = { caller, context };
        if (ids === undefined) {
          return { body: await bulk.step(acting, toDeviceQuery(selector), change, cursor) };
        }
        return {
          body: { matched: ids.length, results: await bulk.each(acting, ids, change), nextCursor: null },
        };
      },
    }),
    defineRoute({
      method: "post",
      path: "/devices/approve",
      id: "approveDevices",
      tag,
      summary: "Approve many pending devices",
      description:
        "Each on its own: the answer says for each how it went. `POST /devices/bulk` can do it too.",
      access: "operator",
      body: z.strictObject({
        ids: z.array(idField("dev")).min(1).max(maxIds),
        labels: labelsField.default({}).describe("Given to each."),
      }),
      success: {
        status: 200,
        about: "One result for each id, in order.",
        schema: z.object({
          results: z.array(
            z.object({ id: z.string(), status: z.enum(deviceStatuses).nullable(), error: errorSchema }),
          ),
        }),
      },
      async handler({ caller, body, context }) {
        const change = { action: "approve" as const, labels: body.labels };
        const results = await bulk.each({ caller, context }, body.ids, change);
        return { body: { results: results.map(({ id, status, error }) => ({ id, status, error })) } };
      },
    }),
  ];
}
