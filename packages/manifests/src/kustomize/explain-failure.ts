import { parse } from "yaml";
import { parentFolder, resolvePath } from "../files/file-path.ts";
import type { ManifestFile } from "../files/manifest-file.ts";
import { quoted, type Fault } from "../manifest-fault.ts";
import { isRecord, listOf } from "../yaml/records.ts";
import { indexSources, isObject, itemPath, type Place, type SourceIndex } from "./source-index.ts";

interface ObjectId {
  kind: string;
  name: string;
  /** `ConfigMap/shop/web`. */
  label: string;
}

interface Rule {
  pattern: RegExp;
  explain: (match: RegExpExecArray, sources: SourceIndex) => Fault;
}

/** In order: the first that matches what kustomize printed. Anything else keeps kustomize's own words. */
const rules: readonly Rule[] = [
  { pattern: /(?:strategic merge patch "|target for patch )([^"\s]+)/, explain: patchWithoutTarget },
  { pattern: /already registered id: ([^\s'"]+)/, explain: duplicate },
  { pattern: /doc is missing (?:path|key): ([^\s:]+)|testing value (\S+) failed/, explain: jsonPatchPath },
  { pattern: /Unexpected kind: (\S+)/, explain: jsonPatchOperation },
  {
    pattern: /cannot unmarshal (\w+) into Go struct field \w+\.(\w+)[\w.]* of type (\S+)/,
    explain: wrongType,
  },
  { pattern: /invalid literal source ([^,]+), expected key=value/, explain: literal },
  { pattern: /resource with name (\S+) does not match a config/, explain: replicas },
  { pattern: /nothing selected by ([^:\s]+)/, explain: replacementSource },
  { pattern: /fieldPath `([^`]*)` is missing for replacement source (\S+)/, explain: replacementField },
  { pattern: /unable to find field "([^"]+)" in replacement target/, explain: replacementTarget },
  {
    pattern: /merging from generator .*Kind:"(\w+)".*Name:"([^"]+)".*?(exists|does not exist)/,
    explain: generator,
  },
];

/**
 * Says what a failed build means and where in the files it comes from. `text` is kustomize's message without
 * folders of this machine.
 */
export async function explainFailure(
  text: string,
  files: readonly ManifestFile[],
  root: string,
): Promise<Fault> {
  const { folder, reason } = unwrap(text, root);
  const sources = await indexSources(nearestFirst(files, folder));
  for (const { pattern, explain } of rules) {
    const match = pattern.exec(reason);
    if (match !== null) return explain(match, sources);
  }
  return { code: "render_failed", message: `Kustomize: ${reason}`, ...placeIn(reason, folder, sources) };
}

/** Kustomize wraps a message once for each folder on the way to it. */
function unwrap(text: string, root: string): { folder: string; reason: string } {
  const wrapper =
    /^accumulating (?:resources|components): .*?(?:recursed accumulation of|couldn't make target for) path '([^']+)': /;
  let folder = root;
  let reason = text;
  for (let match = wrapper.exec(reason); match !== null; match = wrapper.exec(reason)) {
    folder = resolvePath(folder, match[1] ?? "") ?? folder;
    reason = reason.slice(match[0].length);
  }
  return { folder, reason };
}

/** What is in the folder that failed is looked at first. */
function nearestFirst(files: readonly ManifestFile[], folder: string): ManifestFile[] {
  const isNear = ({ path }: ManifestFile): boolean => parentFolder(path) === folder;
  return [...files.filter(isNear), ...files.filter((file) => !isNear(file))];
}

/** Go prints `Deployment.v1.apps/web.shop`, with `[noGrp]` and `[noNs]` for what is empty. */
function readId(id: string): ObjectId {
  const match = /^([^.]+)\.[^/]*\/(.+)\.([^.]+)$/.exec(id);
  const [, kind = id, name = "", namespace = "[noNs]"] = match ?? [];
  const label = [kind, ...(namespace === "[noNs]" ? [] : [namespace]), name].filter((part) => part !== "");
  return { kind, name, label: label.join("/") };
}

function fault(code: string, place: Place | undefined, reason: string, rest: Partial<Fault> = {}): Fault {
  if (place === undefined) return { code, message: `${capitalised(reason)}.`, ...rest };
  const { file, line } = place;
  const where = line === undefined ? quoted(file) : `${quoted(file)}, line ${line}`;
  return { code, message: `${where}: ${reason}.`, file, ...(line === undefined ? {} : { line }), ...rest };
}

const capitalised = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1);

function patchWithoutTarget([, id = ""]: RegExpExecArray, sources: SourceIndex): Fault {
  const { kind, name, label } = readId(id);
  const found = sources.objects(kind, name);
  const inline = sources.entry((value) => inlinePatch(value, kind, name));
  const place = found.find(({ isPatch }) => isPatch) ?? inline ?? found[0];
  const reason = `the patch of ${label} has nothing to change: no object of that kind, name and namespace is rendered here`;
  return fault("patch_target_missing", place, reason, { object: label });
}

function inlinePatch(kustomization: Record<string, unknown>, kind: string, name: string) {
  const isIt = (text: unknown): boolean => typeof text === "string" && isObject(tryParse(text), kind, name);
  const named = itemPath(kustomization, "patches", ({ patch }) => isIt(patch));
  if (named !== undefined) return named;
  const index = listOf(kustomization["patchesStrategicMerge"]).findIndex(isIt);
  return index === -1 ? undefined : ["patchesStrategicMerge", index];
}

function tryParse(text: string): unknown {
  try {
    return parse(text, { maxAliasCount: 0 });
  } catch {
    return undefined;
  }
}

function duplicate([, id = ""]: RegExpExecArray, sources: SourceIndex): Fault {
  const { kind, name, label } = readId(id);
  const [first, ...others] = sources.objects(kind, name).filter(({ isPatch }) => !isPatch);
  const last = others.at(-1);
  const also =
    last === undefined ? "" : `; the other is in ${quoted(first?.file ?? "")}, line ${first?.line}`;
  return fault("duplicate_object", last ?? first, `${label} is there twice${also}`, { object: label });
}

function jsonPatchPath([, missing, tested]: RegExpExecArray, sources: SourceIndex): Fault {
  const path = missing ?? tested ?? "";
  const place = sources.lineWith(`path: ${path}`) ?? sources.lineWith(path);
  const reason =
    missing === undefined
      ? `the patch's test of ${quoted(path)} fails`
      : `the patch's path ${quoted(path)} is not in the object`;
  return fault("patch_failed", place, reason, { entry: path });
}

function jsonPatchOperation([, operation = ""]: RegExpExecArray, sources: SourceIndex): Fault {
  const place = sources.lineWith(`op: ${operation}`);
  const reason = `${quoted(operation)} is no operation of a patch: add, remove, replace, move, copy or test`;
  return fault("patch_failed", place, reason, { entry: operation });
}

const goTypes: readonly [RegExp, string][] = [
  [/^\[\]string$/, "a list of texts"],
  [/^\[\]/, "a list"],
  [/^map\[string\]string$/, "a mapping of texts"],
  [/^string$/, "a text"],
  [/^bool$/, "true or false"],
  [/^u?int\d*$/, "a whole number"],
];

function wrongType([, found = "", field = "", type = ""]: RegExpExecArray, sources: SourceIndex): Fault {
  const place = sources.entry((value) => (Object.hasOwn(value, field) ? [field] : undefined));
  const wanted = goTypes.find(([pattern]) => pattern.test(type))?.[1] ?? "a mapping";
  const given =
    { string: "a text", object: "a mapping", array: "a list", number: "a number" }[found] ?? found;
  const reason = `${quoted(field)}: ${given} stands where ${wanted} must be`;
  return fault("kustomization_invalid", place, reason, { entry: field });
}

function literal([, text = ""]: RegExpExecArray, sources: SourceIndex): Fault {
  const place = sources.entry((value) => {
    for (const field of ["configMapGenerator", "secretGenerator"]) {
      const path = itemPath(value, field, ({ literals }) => listOf(literals).includes(text));
      if (path !== undefined) return [...path, "literals"];
    }
    return undefined;
  });
  return fault("kustomization_invalid", place, `the literal ${quoted(text)} must be key=value`, {
    entry: text,
  });
}

function replicas([, name = ""]: RegExpExecArray, sources: SourceIndex): Fault {
  const place = sources.entry((value) => itemPath(value, "replicas", (item) => item["name"] === name));
  const reason = `replicas: there is no workload named ${quoted(name)}`;
  return fault("kustomization_invalid", place, reason, { entry: name });
}

function replacementPlace(sources: SourceIndex, { kind, name }: ObjectId): Place | undefined {
  return sources.entry((value) =>
    itemPath(value, "replacements", ({ source }) => {
      if (!isRecord(source)) return false;
      return (source["kind"] ?? kind) === kind && (source["name"] ?? name) === name;
    }),
  );
}

function replacementSource([, id = ""]: RegExpExecArray, sources: SourceIndex): Fault {
  const source = readId(id);
  const reason = `replacements: there is no ${source.label} to take a value from`;
  return fault("kustomization_invalid", replacementPlace(sources, source), reason, { object: source.label });
}

function replacementField([, field = "", id = ""]: RegExpExecArray, sources: SourceIndex): Fault {
  const source = readId(id);
  const reason = `replacements: ${source.label} has no field ${quoted(field)}`;
  return fault("kustomization_invalid", replacementPlace(sources, source), reason, { entry: field });
}

function replacementTarget([, field = ""]: RegExpExecArray, sources: SourceIndex): Fault {
  const reason = `replacements: a target has no field ${quoted(field)}`;
  return fault("kustomization_invalid", sources.lineWith(field), reason, { entry: field });
}

function generator([, kind = "", name = "", ending = ""]: RegExpExecArray, sources: SourceIndex): Fault {
  const field = kind === "Secret" ? "secretGenerator" : "configMapGenerator";
  const place = sources.entry((value) => itemPath(value, field, (item) => item["name"] === name));
  const label = `${kind}/${name}`;
  const reason =
    ending === "exists"
      ? `${label} is there already; give the generator another name, or behavior: merge or replace`
      : `there is no ${label} to merge with or to replace`;
  return fault("kustomization_invalid", place, reason, { object: label });
}

/** The first of the template's files that the message names, with its line; else the kustomization that failed. */
function placeIn(text: string, folder: string, sources: SourceIndex): Partial<Place> {
  const paths = new Set(sources.files.map(({ path }) => path));
  const named = [...text.matchAll(/[\w./-]+\.ya?ml\b/g)].map(([name]) => resolvePath(folder, name) ?? name);
  const own = sources.kustomizations.find((kustomization) => kustomization.folder === folder);
  const file = named.find((name) => paths.has(name)) ?? own?.file;
  if (file === undefined) return {};
  const line = /yaml: line (\d+)/.exec(text)?.[1] ?? ownLine(text, own);
  return { file, ...(line === undefined || file === "" ? {} : { line: Number(line) }) };
}

/** `kind should be Kustomization`: the line of the field that the reason begins with. */
function ownLine(text: string, own: SourceIndex["kustomizations"][number] | undefined): number | undefined {
  const field = /kustomization file under [^:]*: (apiVersion|kind)\b/.exec(text)?.[1];
  return field === undefined || own === undefined ? undefined : own.lineOf([field]);
}
