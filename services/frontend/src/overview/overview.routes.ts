import { z } from "zod";
import { eventSchema, viewEvent } from "../events/event.view.ts";
import { defineRoute, type Route } from "../http/route.ts";
import type { OverviewService } from "./overview.service.ts";

const count = z.number().int();
const attentionSchema = z
  .object({
    total: count,
    items: z
      .array(z.object({ id: z.string(), name: z.string(), message: z.string().nullable() }))
      .describe("The first few, the latest first."),
  })
  .meta({ id: "Attention" });

const overviewSchema = z
  .object({
    devices: z.object({
      total: count,
      online: count.describe("Active ones."),
      byStatus: z.record(z.string(), count),
      byState: z.record(z.string(), count).describe("Active devices; `none`: never reported."),
    }),
    attention: z.object({
      failed: attentionSchema.describe("Active devices whose last revision failed or was rolled back."),
      degraded: attentionSchema,
      certificate: attentionSchema.describe("Offline devices whose certificate ends within two weeks."),
      offline: attentionSchema.describe("Active devices that are not connected."),
      pending: attentionSchema.describe("Devices that wait for approval."),
      templates: attentionSchema.describe("Git templates that can't be brought in step."),
    }),
    templates: count,
    provisioningTokens: count,
    events: z.array(eventSchema).describe("The newest ten, without single connections."),
    history: z
      .array(z.object({ at: z.iso.datetime(), total: count, online: count, healthy: count }))
      .describe("Active devices over the last 24 hours, in order; a gap where the platform didn't run."),
  })
  .meta({ id: "Overview" });

export function overviewRoutes({ overview }: { overview: OverviewService }): Route[] {
  return [
    defineRoute({
      method: "get",
      path: "/overview",
      id: "getOverview",
      tag: "Overview",
      summary: "How the organisation's devices are, what needs attention, and what happened last",
      access: "viewer",
      success: { status: 200, about: "As things stand.", schema: overviewSchema },
      async handler({ caller }) {
        const found = await overview.read(caller.organizationId);
        const { total, byStatus, byState } = found.summary;
        return {
          body: {
            devices: { total, online: found.activeOnline, byStatus, byState },
            attention: { ...found.devices, templates: found.templates },
            templates: found.templateCount,
            provisioningTokens: found.provisioningTokenCount,
            events: found.events.map(viewEvent),
            history: found.history.map(({ at, ...counts }) => ({ at: at.toISOString(), ...counts })),
          },
        };
      },
    }),
  ];
}
