import { z } from "zod";
import { idParams } from "../http/fields.ts";
import { defineRoute, type Route } from "../http/route.ts";
import { diffSchema, type DeviceDiffService } from "./device-diff.service.ts";

export function deviceDiffRoutes({ diffs }: { diffs: DeviceDiffService }): Route[] {
  return [
    defineRoute({
      method: "post",
      path: "/devices/{id}/diff",
      id: "diffDevice",
      tag: "Device content",
      summary: "Compare what is live on a device with what it should run",
      description:
        "Asks the agent for a dry run of its apply, object by object; changes nothing. The values of secrets are " +
        "masked by markers that differ where the values do. A large comparison goes on with `nextCursor`.",
      access: "operator",
      params: idParams("dev"),
      body: z.strictObject({
        changedOnly: z.boolean().default(true).describe("Leaves out what would not change."),
        cursor: z.string().max(512).optional().describe("`nextCursor` of the answer before."),
      }),
      success: { status: 200, about: "The comparison, or its next part.", schema: diffSchema },
      problems: [404, 409, 429, 502, 503, 504],
      async handler({ caller, params: { id }, body, context }) {
        return { body: await diffs.compare({ caller, context }, id, body) };
      },
    }),
  ];
}
