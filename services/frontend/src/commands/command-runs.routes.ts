import { idField } from "@rciots/protocol";
import type { Store } from "@rciots/store";
import { z } from "zod";
import { mapPage, pageOf, pageQuery } from "../http/cursor.ts";
import { idParams, repeated } from "../http/fields.ts";
import { defineRoute, type Route } from "../http/route.ts";
import { nameSearch } from "../http/search.ts";
import { executionStates, runBody } from "./command-fields.ts";
import type { CommandRunsService } from "./command-runs.service.ts";
import { executionSchema, outputSchema, runSchema, viewExecution, viewOutput } from "./command.view.ts";
import { requireDevice } from "../devices/require-device.ts";

const tag = "Commands";
/** A script, variables and standard input at their largest, escaped. */
const bodyLimitBytes = 1_048_576;
/** Of one answer. However many they are, no more than a megabyte or so of an output is kept. */
const maxChunks = 1_000;

const stateField = repeated(z.enum(executionStates), executionStates.length).describe("May be repeated.");

export function commandRunRoutes({
  runs,
  store,
}: {
  runs: CommandRunsService;
  store: Pick<Store, "commandRuns" | "devices">;
}): Route[] {
  return [
    defineRoute({
      method: "post",
      path: "/commands",
      id: "startCommand",
      tag,
      summary: "Run a command or a script on devices",
      description:
        "On each device once, and on each on its own: what fails on one goes on elsewhere unless `stopOnFailure` says " +
        "otherwise. The answer comes at once; the run tells how it goes.",
      access: "operator",
      body: runBody,
      bodyLimitBytes,
      example: { selector: { selector: "site=berlin" }, program: { kind: "argv", argv: ["uptime"] } },
      success: { status: 201, about: "The run.", schema: runSchema },
      problems: [404, 409],
      async handler({ caller, body, context }) {
        return { body: await runs.view(await runs.start({ caller, context }, body)) };
      },
    }),
    defineRoute({
      method: "get",
      path: "/commands",
      id: "listCommandRuns",
      tag,
      summary: "List runs, the newest first",
      access: "viewer",
      query: z.strictObject({
        state: z.enum(["running", "finished"]).optional(),
        q: z.string().min(1).max(100).optional().describe("Part of the title; `^`: how it begins."),
        createdBy: idField("usr").optional(),
        ...pageQuery,
      }),
      success: { status: 200, about: "A page of runs.", schema: pageOf(runSchema) },
      async handler({ caller, query: { state, q, createdBy, ...page } }) {
        const filter = {
          ...(state === undefined ? {} : { state }),
          ...(q === undefined ? {} : { titleMatches: nameSearch(q, "any-case") }),
          ...(createdBy === undefined ? {} : { createdBy }),
        };
        return { body: await runs.list(caller.organizationId, filter, page) };
      },
    }),
    defineRoute({
      method: "get",
      path: "/commands/{id}",
      id: "getCommandRun",
      tag,
      summary: "Read a run",
      access: "viewer",
      params: idParams("run"),
      success: { status: 200, about: "The run.", schema: runSchema },
      problems: [404],
      async handler({ caller, params: { id } }) {
        return { body: await runs.view(await runs.get(caller.organizationId, id)) };
      },
    }),
    defineRoute({
      method: "post",
      path: "/commands/{id}/cancel",
      id: "cancelCommandRun",
      tag,
      summary: "Cancel a run on all its devices",
      description:
        "Begins on no more devices; where it runs, its processes are asked to end, and then killed.",
      access: "operator",
      params: idParams("run"),
      success: { status: 200, about: "The run.", schema: runSchema },
      problems: [404],
      async handler({ caller, params: { id }, context }) {
        return { body: await runs.view(await runs.cancel({ caller, context }, id)) };
      },
    }),
    defineRoute({
      method: "post",
      path: "/commands/{id}/repeat",
      id: "repeatCommandRun",
      tag,
      summary: "Run the same once more",
      description: "With the same variables and input; a selector is asked anew.",
      access: "operator",
      params: idParams("run"),
      success: { status: 201, about: "The new run.", schema: runSchema },
      problems: [404, 409],
      async handler({ caller, params: { id }, context }) {
        return { body: await runs.view(await runs.repeat({ caller, context }, id)) };
      },
    }),
    defineRoute({
      method: "get",
      path: "/commands/{id}/executions",
      id: "listCommandExecutions",
      tag,
      summary: "List how a run goes on each device",
      access: "viewer",
      params: idParams("run"),
      query: z.strictObject({
        state: stateField,
        q: z.string().min(1).max(63).optional().describe("Part of the device's name; `^`: how it begins."),
        ...pageQuery,
      }),
      success: {
        status: 200,
        about: "A page, in the order in which they begin.",
        schema: pageOf(executionSchema),
      },
      problems: [404],
      async handler({ caller, params: { id }, query: { state, q, ...page } }) {
        await runs.get(caller.organizationId, id);
        const filter = {
          runId: id,
          ...(state === undefined ? {} : { states: state }),
          ...(q === undefined ? {} : { nameMatches: nameSearch(q) }),
        };
        return {
          body: mapPage(await runs.listExecutions(caller.organizationId, filter, page), viewExecution),
        };
      },
    }),
    defineRoute({
      method: "get",
      path: "/devices/{id}/commands",
      id: "listDeviceCommands",
      tag,
      summary: "List what was run on a device, the newest first",
      access: "viewer",
      params: idParams("dev"),
      query: z.strictObject({ state: stateField, ...pageQuery }),
      success: { status: 200, about: "A page of commands.", schema: pageOf(executionSchema) },
      problems: [404],
      async handler({ caller, params: { id }, query: { state, ...page } }) {
        await requireDevice(store, caller.organizationId, id);
        const filter = { deviceId: id, ...(state === undefined ? {} : { states: state }) };
        return {
          body: mapPage(await runs.listExecutions(caller.organizationId, filter, page), viewExecution),
        };
      },
    }),
    defineRoute({
      method: "get",
      path: "/command-executions/{id}",
      id: "getCommandExecution",
      tag,
      summary: "Read how a command goes on a device",
      access: "viewer",
      params: idParams("cex"),
      success: { status: 200, about: "The command on the device.", schema: executionSchema },
      problems: [404],
      async handler({ caller, params: { id } }) {
        return { body: viewExecution(await runs.getExecution(caller.organizationId, id)) };
      },
    }),
    defineRoute({
      method: "get",
      path: "/command-executions/{id}/output",
      id: "readCommandOutput",
      tag,
      summary: "Read what a command wrote",
      description:
        "From an offset on, so that what is read once need not be read again; a live connection says when there is more. " +
        "Output may hold what not everybody is to see: it takes the role operator.",
      access: "operator",
      params: idParams("cex"),
      query: z.strictObject({
        from: z.coerce
          .number()
          .int()
          .min(0)
          .max(Number.MAX_SAFE_INTEGER)
          .default(0)
          .describe("`nextOffset` of the answer before."),
      }),
      success: { status: 200, about: "What there is from there on.", schema: outputSchema },
      problems: [404],
      async handler({ caller: { organizationId }, params: { id }, query: { from } }) {
        // Read before the output: one that has ended has no output that comes later.
        const execution = await runs.getExecution(organizationId, id);
        const found = await store.commandRuns.readOutput(organizationId, id, { from, limit: maxChunks + 1 });
        const hasMore = found.length > maxChunks;
        return { body: viewOutput(execution, found.slice(0, maxChunks), { from, hasMore }) };
      },
    }),
    defineRoute({
      method: "post",
      path: "/command-executions/{id}/cancel",
      id: "cancelCommandExecution",
      tag,
      summary: "Cancel a command on one device",
      access: "operator",
      params: idParams("cex"),
      success: { status: 200, about: "The command on the device.", schema: executionSchema },
      problems: [404],
      async handler({ caller, params: { id }, context }) {
        return { body: viewExecution(await runs.cancelExecution({ caller, context }, id)) };
      },
    }),
  ];
}
