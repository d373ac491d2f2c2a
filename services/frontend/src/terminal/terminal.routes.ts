import { terminalTarget } from "@rciots/protocol";
import { badRequest } from "@rciots/runtime";
import { z } from "zod";
import { idParams } from "../http/fields.ts";
import type { Route } from "../http/route.ts";
import { defineSocketRoute } from "../http/socket-route.ts";
import type { TerminalService } from "./terminal.service.ts";

const cells = z.coerce.number().int().min(1).max(1_000);
const podShape = terminalTarget.shape.pod.unwrap().shape;

const query = z.strictObject({
  columns: cells.default(80),
  rows: cells.default(24),
  namespace: podShape.namespace.optional().describe("With `pod`: a container; without: the device itself."),
  pod: podShape.name.optional(),
  container: podShape.container,
  session: terminalTarget.shape.session
    .optional()
    .describe("Takes a terminal up again that was lost in a gap."),
  shown: z.coerce
    .number()
    .int()
    .min(0)
    .default(0)
    .describe("With `session`: so much output is on the screen."),
});

const about =
  "Binary messages of a kind (one byte) and a body. To the device: 1 input, 2 resize (columns and rows, uint16), 3 " +
  "output up to here is on the screen (uint64), 4 close. From it: 17 opened (JSON: `session`, `offset` of the output " +
  "that follows, `taken` bytes of input so far), 18 output, 19 input up to here was taken (uint64), 20 exit (JSON: " +
  "`code` or `reason`). A terminal whose output is not shown waits after 256 KiB.";

export function terminalRoutes({ terminals }: { terminals: TerminalService }): Route[] {
  return [
    defineSocketRoute({
      path: "/devices/{id}/terminal",
      id: "openTerminal",
      tag: "Devices",
      summary: "Open a terminal on a device or in one of its containers",
      description:
        "Where the device and the organisation allow it. A terminal that is lost in a gap waits for a minute for the same person.",
      access: "operator",
      params: idParams("dev"),
      query,
      about,
      problems: [404, 409, 429],
      async prepare({ caller, context, params: { id }, query: asked }) {
        const { columns, rows, namespace, pod, container, session, shown } = asked;
        if ((namespace === undefined) !== (pod === undefined))
          throw badRequest({ code: "invalid_request", message: "namespace and pod go together." });
        const isPod = namespace !== undefined && pod !== undefined;
        return terminals.prepare({ caller, context }, id, {
          columns,
          rows,
          ...(isPod
            ? { pod: { namespace, name: pod, ...(container === undefined ? {} : { container }) } }
            : {}),
          ...(session === undefined ? {} : { resume: { session, shown } }),
        });
      },
    }),
  ];
}
