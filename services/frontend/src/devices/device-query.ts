import { idField, revisionStates } from "@rciots/protocol";
import { z } from "zod";
import { repeated } from "../http/fields.ts";
import type { DeviceQuery } from "./device-entry.ts";
import { deviceStatuses } from "./device.view.ts";
import { parseLabelSelectors } from "./label-selector.ts";

const maxLabels = 20;
const labelField = z.string().max(1_024);
const statusField = z.enum(deviceStatuses);
const stateField = z.enum(revisionStates);

const shared = {
  selector: labelField.optional().describe("As in Kubernetes: `site=berlin,tier!=x,zone in (a,b),!test`."),
  q: z
    .string()
    .min(1)
    .max(128)
    .optional()
    .describe(
      "Part of the name, the id, a label (`site=ber`) or a fact such as the host name; `^`: how the name begins.",
    ),
  templateId: idField("tpl").optional(),
};

/** Which devices, in the query of a URL. */
export const deviceQueryFields = {
  status: repeated(statusField, deviceStatuses.length).describe("May be repeated."),
  online: z
    .enum(["true", "false"])
    .transform((text) => text === "true")
    .optional(),
  state: repeated(stateField, revisionStates.length).describe("Last reported; may be repeated."),
  label: repeated(labelField, maxLabels).describe("`site=berlin`; may be repeated, all must hold."),
  ...shared,
};

/** Which devices, in a body. An empty object means all of them. */
export const deviceSelectorField = z.strictObject({
  status: z.array(statusField).max(deviceStatuses.length).optional(),
  online: z.boolean().optional(),
  state: z.array(stateField).max(revisionStates.length).optional(),
  label: z.array(labelField).max(maxLabels).optional().describe("`site=berlin`; all must hold."),
  ...shared,
});

type Wanted = z.output<typeof deviceSelectorField>;

/** Throws 400 `invalid_selector`. */
export function toDeviceQuery(wanted: Wanted): DeviceQuery {
  const labels = parseLabelSelectors([...(wanted.label ?? []), wanted.selector ?? ""]);
  const { status: statuses, state: states, online, q, templateId } = wanted;
  return { statuses, states, online, q, templateId, labels };
}
