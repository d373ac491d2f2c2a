import type { ScriptChange } from "@rciots/store";
import { z } from "zod";
import { mapPage, pageOf, pageQuery } from "../http/cursor.ts";
import { idParams } from "../http/fields.ts";
import { defineRoute, type Route } from "../http/route.ts";
import { scriptFields } from "./command-fields.ts";
import { scriptSchema, viewScript } from "./command.view.ts";
import type { ScriptsService } from "./scripts.service.ts";

const tag = "Scripts";
/** A script of 64 KiB, escaped. */
const bodyLimitBytes = 262_144;

const { name, description, interpreter, text, parameters, timeoutMs } = scriptFields;

const newScript = z.strictObject({
  name,
  description: description.default(""),
  interpreter: interpreter.default("sh"),
  text,
  parameters: parameters.default([]),
  timeoutMs: timeoutMs.default(300_000),
});
const changedScript = z.strictObject({
  name: name.optional(),
  description: description.optional(),
  interpreter: interpreter.optional(),
  text: text.optional(),
  parameters: parameters.optional(),
  timeoutMs: timeoutMs.optional(),
});

const reply = (script: Parameters<typeof viewScript>[0]) => ({
  body: viewScript(script),
  version: script.version,
});

const withoutUndefined = (body: z.output<typeof changedScript>): ScriptChange =>
  Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined));

export function scriptRoutes({ scripts }: { scripts: ScriptsService }): Route[] {
  return [
    defineRoute({
      method: "get",
      path: "/scripts",
      id: "listScripts",
      tag,
      summary: "List saved scripts, the newest first",
      access: "viewer",
      query: z.strictObject({
        q: z.string().min(1).max(100).optional().describe("Part of the name; `^`: how it begins."),
        ...pageQuery,
      }),
      success: { status: 200, about: "A page of scripts.", schema: pageOf(scriptSchema) },
      async handler({ caller, query }) {
        return { body: mapPage(await scripts.list(caller.organizationId, query), viewScript) };
      },
    }),
    defineRoute({
      method: "post",
      path: "/scripts",
      id: "createScript",
      tag,
      summary: "Save a script to be run on devices",
      access: "operator",
      body: newScript,
      bodyLimitBytes,
      example: { name: "disk", interpreter: "sh", text: "df -h\n" },
      success: { status: 201, about: "The script.", schema: scriptSchema },
      problems: [409],
      async handler({ caller, body, context }) {
        return reply(await scripts.create({ caller, context }, body));
      },
    }),
    defineRoute({
      method: "get",
      path: "/scripts/{id}",
      id: "getScript",
      tag,
      summary: "Read a script",
      access: "viewer",
      params: idParams("scr"),
      success: { status: 200, about: "The script.", schema: scriptSchema },
      problems: [404],
      async handler({ caller, params: { id } }) {
        return reply(await scripts.get(caller.organizationId, id));
      },
    }),
    defineRoute({
      method: "patch",
      path: "/scripts/{id}",
      id: "updateScript",
      tag,
      summary: "Change a script",
      description: "Runs that were made of it stay what they were.",
      access: "operator",
      conditional: true,
      params: idParams("scr"),
      body: changedScript,
      bodyLimitBytes,
      success: { status: 200, about: "The script as it is now.", schema: scriptSchema },
      problems: [404, 409],
      async handler({ caller, params: { id }, body, context }) {
        const ref = { id, ifMatch: context.ifMatch };
        return reply(await scripts.change({ caller, context }, ref, withoutUndefined(body)));
      },
    }),
    defineRoute({
      method: "delete",
      path: "/scripts/{id}",
      id: "deleteScript",
      tag,
      summary: "Delete a script",
      access: "operator",
      conditional: true,
      params: idParams("scr"),
      success: { status: 204, about: "Deleted." },
      problems: [404],
      async handler({ caller, params: { id }, context }) {
        await scripts.remove({ caller, context }, { id, ifMatch: context.ifMatch });
        return { body: undefined };
      },
    }),
  ];
}
