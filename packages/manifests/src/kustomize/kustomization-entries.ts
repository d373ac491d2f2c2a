import { isRecord, listOf, type PlainRecord } from "../yaml/records.ts";

/**
 * What an entry of a kustomization may name.
 * `resource`: a YAML file of objects, or a folder with a kustomization. `folder`: the latter only.
 * `file`: any file, read as it is. `patch`: a YAML file. `plugin`: a file or folder of built-in
 * transformer configurations.
 */
export type EntryKind = "resource" | "folder" | "file" | "patch" | "plugin";

export interface KustomizationEntry {
  kind: EntryKind;
  /** The top-level field. */
  field: string;
  /** What the field says, as written. */
  text: string;
  /** Where it stands in the document. */
  at: readonly (string | number)[];
}

/** YAML written into a field instead of a path. */
export interface InlineConfig {
  kind: "patch" | "plugin";
  field: string;
  text: string;
  at: readonly (string | number)[];
}

export interface KustomizationParts {
  entries: KustomizationEntry[];
  inline: InlineConfig[];
}

type Reader = (value: unknown, at: (string | number)[], parts: KustomizationParts, field: string) => void;

/** Fields that name no file. */
const plainFields = [
  "apiVersion",
  "kind",
  "metadata",
  "namePrefix",
  "nameSuffix",
  "namespace",
  "commonLabels",
  "labels",
  "commonAnnotations",
  "images",
  "imageTags",
  "replicas",
  "vars",
  "sortOptions",
  "generatorOptions",
  "buildMetadata",
];

export const helmFields: readonly string[] = ["helmCharts", "helmGlobals", "helmChartInflationGenerator"];

const paths =
  (kind: EntryKind): Reader =>
  (value, at, parts, field) =>
    eachText(value, at, (text, path) => parts.entries.push({ kind, field, text, at: path }));

/** Kustomize takes a text that is not a path as YAML; a text with a line break or a brace cannot be a path here. */
const pathsOrInline =
  (kind: "patch" | "plugin"): Reader =>
  (value, at, parts, field) =>
    eachText(value, at, (text, path) => {
      if (/[\n{]|: /.test(text)) parts.inline.push({ kind, field, text, at: path });
      else parts.entries.push({ kind, field, text, at: path });
    });

const eachWithPath =
  (kind: EntryKind): Reader =>
  (value, at, parts, field) =>
    listOf(value).forEach((item, index) => {
      for (const [key, text] of valuesOf(item, "path")) {
        if (typeof text === "string" && text !== "")
          parts.entries.push({ kind, field, text, at: [...at, index, key] });
      }
    });

const generatorFiles: Reader = (value, at, parts, field) =>
  listOf(value).forEach((item, index) => {
    for (const name of ["files", "envs", "env"]) {
      for (const [key, list] of valuesOf(item, name)) {
        eachText(list, [...at, index, key], (text, path) => {
          // `files` may say key=path; the key cannot hold "=".
          const path_ = name === "files" ? text.slice(text.indexOf("=") + 1) : text;
          parts.entries.push({ kind: "file", field, text: path_, at: path });
        });
      }
    }
  });

const openApiPath: Reader = (value, at, parts, field) => {
  for (const [key, text] of valuesOf(value, "path")) {
    if (typeof text === "string") parts.entries.push({ kind: "file", field, text, at: [...at, key] });
  }
};

const readers: Readonly<Record<string, Reader>> = {
  resources: paths("resource"),
  bases: paths("folder"),
  components: paths("folder"),
  crds: paths("file"),
  configurations: paths("file"),
  openapi: openApiPath,
  patchesStrategicMerge: pathsOrInline("patch"),
  patchesJson6902: eachWithPath("patch"),
  patches: eachWithPath("patch"),
  replacements: eachWithPath("patch"),
  configMapGenerator: generatorFiles,
  secretGenerator: generatorFiles,
  generators: pathsOrInline("plugin"),
  transformers: pathsOrInline("plugin"),
  validators: pathsOrInline("plugin"),
};

const knownFields = new Set([...plainFields, ...helmFields, ...Object.keys(readers)]);

/** Lists of plugin configurations, inline or by path. */
export const pluginFields: readonly string[] = ["generators", "transformers", "validators"];

/** Fields no reader here knows: refused, since a newer kustomize may let one of them load files. */
export function unknownFields(kustomization: PlainRecord): string[] {
  return Object.keys(kustomization).filter((field) => !knownFields.has(field));
}

/** Every file, folder and inline configuration a kustomization names. */
export function readKustomization(kustomization: PlainRecord): KustomizationParts {
  const parts: KustomizationParts = { entries: [], inline: [] };
  for (const [field, value] of Object.entries(kustomization)) readers[field]?.(value, [field], parts, field);
  return parts;
}

/** The files a built-in transformer configuration loads: the same names as in a kustomization, one level up. */
export function readPluginFiles(config: PlainRecord): KustomizationParts {
  const parts: KustomizationParts = { entries: [], inline: [] };
  generatorFiles([config], [], parts, "files");
  eachWithPath("patch")([config], [], parts, "path");
  for (const [key, value] of valuesOf(config, "replacements"))
    eachWithPath("patch")(value, [key], parts, key);
  for (const [key, value] of valuesOf(config, "paths")) pathsOrInline("patch")(value, [key], parts, key);
  for (const entry of parts.entries)
    entry.at = entry.at.filter((step, index) => index > 0 || typeof step === "string");
  return parts;
}

/** Go's JSON reader matches keys without regard to case, so `FILES` loads files too. */
function valuesOf(item: unknown, name: string): [string, unknown][] {
  return isRecord(item) ? Object.entries(item).filter(([key]) => key.toLowerCase() === name) : [];
}

function eachText(
  value: unknown,
  at: (string | number)[],
  visit: (text: string, at: (string | number)[]) => void,
): void {
  if (typeof value === "string") visit(value, at);
  listOf(value).forEach((item, index) => {
    if (typeof item === "string") visit(item, [...at, index]);
  });
}
