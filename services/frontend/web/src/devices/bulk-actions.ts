import type { BulkChange } from "./use-bulk.ts";

export type BulkActionName =
  "approve" | "deny" | "enable" | "disable" | "labels" | "assign" | "unassign" | "decommission";

export interface BulkActionText {
  /** In the menu and on the button. */
  label: string;
  /** In the past, of devices: `disabled`. */
  done: string;
  /** What it means. */
  about: string;
  isDanger?: boolean;
}

export const bulkActions: Record<BulkActionName, BulkActionText> = {
  approve: {
    label: "Approve",
    done: "approved",
    about: "They get a certificate when they ask next, and connect.",
  },
  deny: { label: "Deny", done: "denied", about: "They are refused; they can be approved later after all." },
  enable: { label: "Enable", done: "enabled", about: "They may connect again." },
  disable: {
    label: "Disable",
    done: "disabled",
    about: "Their connections end at once, and they are kept out. What they run goes on running.",
  },
  labels: { label: "Edit labels", done: "labelled", about: "Other labels stay as they are." },
  assign: {
    label: "Assign a template",
    done: "assigned",
    about: "They run it besides what they have, in its current version, and follow new ones.",
  },
  unassign: {
    label: "Take a template away",
    done: "changed",
    about: "What was applied of it is deleted from them.",
    isDanger: true,
  },
  decommission: {
    label: "Decommission",
    done: "decommissioned",
    about:
      "They forget who they are and can't come back without enrolling anew. What they run goes on running.",
    isDanger: true,
  },
};

/** What is typed in the dialog. */
export interface BulkInput {
  setLabels: string;
  removeLabels: string;
  templateId: string;
  wipeWorkloads: boolean;
}

export const emptyInput: BulkInput = {
  setLabels: "",
  removeLabels: "",
  templateId: "",
  wipeWorkloads: false,
};

const partsOf = (text: string): string[] =>
  text
    .split(/[\s,]+/)
    .map((part) => part.trim())
    .filter((part) => part !== "");

function labelsOf(text: string): Record<string, string> {
  return Object.fromEntries(
    partsOf(text).map((part) => {
      const at = part.indexOf("=");
      return at === -1 ? [part, ""] : [part.slice(0, at), part.slice(at + 1)];
    }),
  );
}

/** The change to ask for; null while something is missing. */
export function changeOf(action: BulkActionName, input: BulkInput): BulkChange | null {
  const { templateId, wipeWorkloads } = input;
  switch (action) {
    case "approve":
      return { action, labels: labelsOf(input.setLabels) };
    case "deny":
    case "enable":
    case "disable":
      return { action };
    case "labels": {
      const removed = partsOf(input.removeLabels).map((key) => [key, null] as const);
      const labels = { ...Object.fromEntries(removed), ...labelsOf(input.setLabels) };
      return Object.keys(labels).length === 0 ? null : { action: "set-labels", labels };
    }
    case "assign":
    case "unassign":
      return templateId === "" ? null : { action: `${action}-templates`, templateIds: [templateId] };
    case "decommission":
      return { action, wipeWorkloads };
  }
}
