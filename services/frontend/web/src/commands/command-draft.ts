import type { paths } from "../api/schema.ts";
import type { Schema } from "../api/client.ts";
import { toMap, type KeyValue } from "../device/key-values.ts";
import type { CommandRun } from "./command-queries.ts";

export type RunBody = NonNullable<
  paths["/api/v1/commands"]["post"]["requestBody"]
>["content"]["application/json"];
export type Script = Schema<"Script">;

export const interpreters = ["sh", "bash", "python3", "perl", "ruby", "node", "pwsh"] as const;
export const minuteMs = 60_000;

/** What somebody fills in before something is run. */
export interface CommandDraft {
  target: "named" | "selected" | "all";
  devices: { id: string; name: string }[];
  selector: string;
  kind: "command" | "script" | "saved";
  /** Words of a command, a line each. */
  words: string;
  interpreter: string;
  text: string;
  script: Script | null;
  place: "host" | "pod";
  namespace: string;
  pod: string;
  podLabels: string;
  container: string;
  environment: KeyValue[];
  input: string;
  workingDirectory: string;
  timeoutMinutes: number;
  concurrency: number;
  stopOnFailure: boolean;
  /** 0: leaves offline devices out. */
  waitMinutes: number;
}

export const emptyDraft: CommandDraft = {
  target: "selected",
  devices: [],
  selector: "",
  kind: "script",
  words: "",
  interpreter: "sh",
  text: "",
  script: null,
  place: "host",
  namespace: "default",
  pod: "",
  podLabels: "",
  container: "",
  environment: [],
  input: "",
  workingDirectory: "",
  timeoutMinutes: 5,
  concurrency: 50,
  stopOnFailure: false,
  waitMinutes: 0,
};

export const wordsOf = (text: string): string[] => text.split("\n").filter((word) => word !== "");

/** As it was asked for once; values that are not shown have to be given again. */
export function draftOfRun(run: CommandRun): CommandDraft {
  const { program, place, selector, environmentNames, waitUntil, createdAt } = run;
  const only = typeof selector?.["selector"] === "string" ? selector["selector"] : "";
  return {
    ...emptyDraft,
    target: selector !== null && only === "" ? "all" : "selected",
    selector: only,
    kind: program.kind === "argv" ? "command" : "script",
    ...(program.kind === "argv"
      ? { words: program.argv.join("\n") }
      : { interpreter: program.interpreter, text: program.text }),
    ...(place.kind === "pod"
      ? {
          place: "pod" as const,
          namespace: place.namespace,
          pod: place.pod ?? "",
          podLabels: place.labelSelector ?? "",
          container: place.container ?? "",
        }
      : {}),
    environment: environmentNames.map((key, id) => ({ id, key, value: "" })),
    workingDirectory: run.workingDirectory ?? "",
    timeoutMinutes: run.timeoutMs / minuteMs,
    concurrency: run.concurrency,
    stopOnFailure: run.stopOnFailure,
    waitMinutes:
      waitUntil === null ? 0 : Math.round((Date.parse(waitUntil) - Date.parse(createdAt)) / minuteMs),
  };
}

/** A saved script, with its parameters to be filled in. */
export function withScript(draft: CommandDraft, script: Script): CommandDraft {
  return {
    ...draft,
    kind: "saved",
    script,
    environment: script.parameters.map(({ name, defaultValue }, id) => ({
      id,
      key: name,
      value: defaultValue ?? "",
    })),
    timeoutMinutes: script.timeoutMs / minuteMs,
  };
}

function programOf({
  kind,
  words,
  interpreter,
  text,
  script,
}: CommandDraft): Pick<RunBody, "program" | "scriptId"> {
  if (kind === "saved") return script === null ? {} : { scriptId: script.id };
  if (kind === "command") return { program: { kind: "argv", argv: wordsOf(words) } };
  return { program: { kind: "script", interpreter, text, arguments: [] } };
}

function targetOf({ target, devices, selector }: CommandDraft): Pick<RunBody, "devices" | "selector"> {
  if (target === "named") return { devices: devices.map(({ id }) => id) };
  return { selector: target === "all" ? {} : { selector } };
}

/** As the API takes it. */
export function bodyOf(draft: CommandDraft): RunBody {
  const { place, namespace, pod, podLabels, container, input, workingDirectory } = draft;
  return {
    ...targetOf(draft),
    ...programOf(draft),
    place:
      place === "host"
        ? { kind: "host" }
        : {
            kind: "pod",
            namespace,
            ...(pod === "" ? { labelSelector: podLabels } : { pod }),
            ...(container === "" ? {} : { container }),
          },
    environment: toMap(draft.environment.filter(({ key }) => key !== "")),
    ...(input === "" ? {} : { input }),
    ...(workingDirectory === "" ? {} : { workingDirectory }),
    timeoutMs: Math.round(draft.timeoutMinutes * minuteMs),
    concurrency: draft.concurrency,
    stopOnFailure: draft.stopOnFailure,
    ...(draft.waitMinutes === 0 ? {} : { waitForOfflineMs: draft.waitMinutes * minuteMs }),
  };
}

/** What is missing before it can be run, in words; null where nothing is. */
export function missing(draft: CommandDraft): string | null {
  const { target, devices, selector, kind, words, text, script, place, namespace, pod, podLabels } = draft;
  if (target === "named" && devices.length === 0) return "Choose at least one device.";
  if (target === "selected" && selector.trim() === "") return "Say which devices, by their labels.";
  if (kind === "command" && wordsOf(words).length === 0) return "Write the command.";
  if (kind === "script" && text.trim() === "") return "Write the script.";
  if (kind === "saved" && script === null) return "Choose a script.";
  if (place === "pod" && (namespace === "" || (pod === "" && podLabels === ""))) return "Say which Pod.";
  return null;
}
