import { limits, podItem, podLogsTarget } from "@rciots/protocol";
import { z } from "zod";
import { pageOf } from "../http/cursor.ts";
import { idParams } from "../http/fields.ts";
import { defineRoute, type Route } from "../http/route.ts";
import { defineSocketRoute } from "../http/socket-route.ts";
import type { PodLogsService } from "./pod-logs.service.ts";

const podSchema = podItem
  .extend({
    applied: z.boolean().describe("What made it is among what the platform has the device run."),
  })
  .meta({ id: "Pod" });

const flag = z
  .enum(["true", "false"])
  .default("false")
  .transform((text) => text === "true");
const { namespace, name, container } = podLogsTarget.shape.pod.shape;
const tag = "Devices";

export function podLogsRoutes({ podLogs }: { podLogs: PodLogsService }): Route[] {
  return [
    defineRoute({
      method: "get",
      path: "/devices/{id}/pods",
      id: "listPods",
      tag,
      summary: "List the pods that a device's agent sees",
      description: "Asks the device; a page may hold fewer than `limit`, and the last one may be empty.",
      access: "operator",
      params: idParams("dev"),
      query: z.strictObject({
        namespace: namespace.optional(),
        limit: z.coerce.number().int().min(1).max(limits.podItems).default(limits.podItems),
        cursor: z.string().max(8_192).optional(),
      }),
      success: { status: 200, about: "A page.", schema: pageOf(podSchema) },
      problems: [404, 409, 429, 502, 504],
      async handler({ caller: { organizationId }, params: { id }, query, context }) {
        return { body: await podLogs.list({ organizationId, deviceId: id }, query, context.signal) };
      },
    }),
    defineSocketRoute({
      path: "/devices/{id}/pod-logs",
      id: "readPodLogs",
      tag,
      summary: "Read what a container prints, past and live",
      access: "operator",
      isRead: true,
      params: idParams("dev"),
      query: z.strictObject({
        namespace,
        pod: name,
        container,
        follow: flag,
        previous: flag,
        timestamps: flag,
        tailLines: z.coerce.number().int().min(0).max(100_000).optional(),
        sinceSeconds: z.coerce.number().int().min(1).max(31_536_000).optional(),
        contains: z
          .string()
          .min(1)
          .max(200)
          .optional()
          .describe("Only lines that hold this text, in any case."),
      }),
      about:
        "Binary messages: pieces of the log as UTF-8. The WebSocket is closed with 1000 where the log ends.",
      problems: [404, 409],
      async prepare({ caller: { organizationId }, params: { id }, query }) {
        const { namespace: space, pod, container: one, ...rest } = query;
        const where = { namespace: space, name: pod, ...(one === undefined ? {} : { container: one }) };
        return podLogs.prepare({ organizationId, deviceId: id }, { kind: "pod-logs", pod: where, ...rest });
      },
    }),
  ];
}
