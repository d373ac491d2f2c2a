import { findKustomizations } from "../files/validate-files.ts";
import { joinPath, parentFolder, resolvePath } from "../files/file-path.ts";
import { kustomizationNames, type ManifestFile } from "../files/manifest-file.ts";
import { quoted, type Fault } from "../manifest-fault.ts";
import { isRecord, type PlainRecord } from "../yaml/records.ts";
import { parseYamlStream, type YamlDocument } from "../yaml/yaml-stream.ts";
import {
  helmFields,
  readKustomization,
  readPluginFiles,
  unknownFields,
  pluginFields,
  type InlineConfig,
  type KustomizationEntry,
  type KustomizationParts,
} from "./kustomization-entries.ts";
import { configTextFault, oddKey, plainConfig } from "./config-text.ts";
import { objectFaults, pluginFaults } from "./object-policy.ts";

/** More kustomizations than this are not a template of one application. */
const maxKustomizations = 500;

type Mode = "objects" | "plugins";

interface Walk {
  files: ReadonlyMap<string, ManifestFile>;
  all: readonly ManifestFile[];
  parsed: Map<string, YamlDocument[]>;
  visited: Set<string>;
  faults: Fault[];
  /** Configurations as they were understood, by path: what kustomize is given in their place. */
  rewritten: Map<string, string>;
}

export interface CheckedFiles {
  faults: Fault[];
  /** The files, with every kustomization and transformer configuration written anew from what was checked. */
  files: ManifestFile[];
}

/** Where an entry was found: the kustomization's file and folder, and how to point at it. */
interface Origin {
  file: string;
  folder: string;
  lineOf: (at: readonly (string | number)[]) => number;
}

/**
 * Walks every kustomization reachable from `root` and every file they name, before kustomize sees
 * any of them. Faults: paths that leave the folder, remote entries, plugins, Helm charts, functions,
 * missing files, bad YAML, objects without apiVersion, kind or name. `files` must be validated.
 */
export async function checkKustomizations(
  files: readonly ManifestFile[],
  root: string,
): Promise<CheckedFiles> {
  const walk = createWalk(files);
  await visitFolder(root, "objects", walk);
  const checked = files.map(({ path, content }) => ({ path, content: walk.rewritten.get(path) ?? content }));
  return { faults: walk.faults, files: checked };
}

function createWalk(files: readonly ManifestFile[]): Walk {
  const byPath = new Map(files.map((file) => [file.path, file]));
  return {
    files: byPath,
    all: files,
    parsed: new Map(),
    visited: new Set(),
    faults: [],
    rewritten: new Map(),
  };
}

async function visitFolder(folder: string, mode: Mode, walk: Walk): Promise<void> {
  const [file] = findKustomizations(walk.all, folder);
  if (file === undefined || walk.visited.has(`${mode}:${file}`)) return;
  walk.visited.add(`${mode}:${file}`);
  if (walk.visited.size > maxKustomizations) {
    walk.faults.push({
      code: "too_many_kustomizations",
      file,
      message: `There are more than ${maxKustomizations} kustomizations.`,
    });
    return;
  }
  const documents = await parseConfig(file, walk);
  const [document] = documents;
  if (document === undefined) return;
  if (documents.length > 1 || !isRecord(document.value)) {
    const message = `${quoted(file)} must hold one mapping.`;
    walk.faults.push({ code: "kustomization_invalid", file, line: document.line, message });
    return;
  }
  const origin = { file, folder, lineOf: document.lineOf };
  walk.faults.push(...fieldFaults(document.value, origin));
  const parts = readKustomization(document.value);
  walk.rewritten.set(file, plainConfig(await visitParts(document.value, parts, origin, mode, walk)));
}

function fieldFaults(kustomization: PlainRecord, { file, lineOf }: Origin): Fault[] {
  const helm = helmFields
    .filter((field) => Object.hasOwn(kustomization, field))
    .map((field) => ({
      field,
      code: "helm_not_allowed",
      reason: "Helm charts are not rendered here; render them first and add the result",
    }));
  const unknown = unknownFields(kustomization).map((field) => ({
    field,
    code: "kustomization_unknown_field",
    reason: "it is not a field of a kustomization",
  }));
  return [...helm, ...unknown].map(({ field, code, reason }) => {
    const line = lineOf([field]);
    return {
      code,
      file,
      line,
      entry: field,
      message: `${quoted(file)}, line ${line}: ${quoted(field)}: ${reason}.`,
    };
  });
}

/** Gives the configuration back with its inline plugin configurations written anew. */
async function visitParts(
  config: PlainRecord,
  parts: KustomizationParts,
  origin: Origin,
  mode: Mode,
  walk: Walk,
): Promise<PlainRecord> {
  const texts = new Map<string, string>();
  for (const inline of parts.inline) {
    const text = await visitInline(inline, origin, walk);
    if (text !== null) texts.set(inline.text, text);
  }
  for (const entry of parts.entries) await visitEntry(entry, origin, mode, walk);
  const rewrite = (value: unknown): unknown =>
    typeof value === "string" ? (texts.get(value) ?? value) : value;
  const fields = Object.entries(config).map(([field, value]): [string, unknown] =>
    pluginFields.includes(field) && Array.isArray(value) ? [field, value.map(rewrite)] : [field, value],
  );
  return Object.fromEntries(fields);
}

/** A plugin's configuration as it was understood; null for a patch, whose text is handed on as it is. */
async function visitInline(
  { kind, text, at, field }: InlineConfig,
  origin: Origin,
  walk: Walk,
): Promise<string | null> {
  const line = origin.lineOf(at);
  const refuse = (code: string, reason: string): null => {
    walk.faults.push({
      code,
      file: origin.file,
      line,
      message: `${quoted(origin.file)}, line ${line}: ${field}: ${reason}`,
    });
    return null;
  };
  // Kustomize tries such a text as a path or URL too, before or after it tries it as YAML.
  if (/^\s*[a-z][a-z0-9+.-]*:\/\//i.test(text))
    return refuse("remote_not_allowed", `${quoted(text)} is remote.`);
  const textFault = kind === "plugin" ? configTextFault(text) : null;
  if (textFault !== null) return refuse("yaml_invalid", `it ${textFault}.`);
  const { documents, faults } = await parseYamlStream(origin.file, text, "source");
  // The line is the field's: the inline text has lines of its own.
  for (const fault of faults) refuse(fault.code, inner(fault));
  for (const document of documents) {
    if (!isRecord(document.value) && !Array.isArray(document.value)) {
      return refuse("kustomization_invalid", `${quoted(text)} is neither a path nor an object.`);
    }
    if (kind === "plugin") await checkPlugin(document, { ...origin, lineOf: () => line }, walk);
  }
  return kind === "plugin" ? documents.map(({ value }) => plainConfig(value)).join("\n---\n") : null;
}

/** A parser's message without the place it begins with. */
function inner({ message }: Fault): string {
  return message.replace(/^"[^"]*"(?:, line \d+, column \d+)?: /, "");
}

async function visitEntry(entry: KustomizationEntry, origin: Origin, mode: Mode, walk: Walk): Promise<void> {
  const target = locate(entry, origin, walk);
  if (target === null) return;
  const isPlugin = mode === "plugins" || entry.kind === "plugin";
  if (!walk.files.has(target)) return visitFolder(target, isPlugin ? "plugins" : mode, walk);
  if (entry.kind === "file") return;
  if (isPlugin && entry.kind !== "patch") return visitPluginFile(target, origin.folder, walk);
  const documents = await parseFile(target, walk);
  if (entry.kind !== "patch") walk.faults.push(...documents.flatMap(objectFaults));
}

async function visitPluginFile(file: string, folder: string, walk: Walk): Promise<void> {
  const documents = await parseConfig(file, walk);
  for (const document of documents)
    await checkPlugin(document, { file, folder, lineOf: document.lineOf }, walk);
  walk.rewritten.set(file, documents.map(({ value }) => plainConfig(value)).join("\n---\n"));
}

/** A configuration of a built-in transformer loads its files from the kustomization's folder. */
async function checkPlugin(document: YamlDocument, origin: Origin, walk: Walk): Promise<void> {
  const faults = pluginFaults({ ...document, file: origin.file, lineOf: origin.lineOf });
  walk.faults.push(...faults);
  if (faults.length > 0 || !isRecord(document.value)) return;
  await visitParts(document.value, readPluginFiles(document.value), origin, "objects", walk);
}

/** The file or folder an entry names, or null after noting why it cannot be used. */
function locate(entry: KustomizationEntry, { file, folder, lineOf }: Origin, walk: Walk): string | null {
  const line = lineOf(entry.at);
  const refuse = (code: string, reason: string): null => {
    const message = `${quoted(file)}, line ${line}: ${entry.field}: ${quoted(entry.text)} ${reason}.`;
    walk.faults.push({ code, file, line, entry: entry.text, message });
    return null;
  };
  const target = resolvePath(folder, entry.text);
  const isFile = target !== null && walk.files.has(target);
  if (isUrl(entry.text) || (!isFile && isRepository(entry.text))) {
    return refuse("remote_not_allowed", "is remote; add its files to the template, or use a Git template");
  }
  if (target === null) return refuse("path_escapes", "leaves the folder");
  const wantsFolder = entry.kind === "resource" || entry.kind === "folder" || entry.kind === "plugin";
  if (isFile && entry.kind === "folder") {
    return refuse("file_missing", "must be a folder with a kustomization");
  }
  if (isFile && folder !== "" && !target.startsWith(`${folder}/`)) {
    return refuse(
      "path_escapes",
      "lies outside the folder of its kustomization; name a folder, or move the file",
    );
  }
  if (isFile || (wantsFolder && findKustomizations(walk.all, target).length === 1)) return target;
  return refuse("file_missing", missingReason(target, wantsFolder, walk));
}

function missingReason(target: string, wantsFolder: boolean, walk: Walk): string {
  if (findKustomizations(walk.all, target).length > 1) return "has more than one kustomization";
  const isFolder = walk.all.some(({ path }) => path.startsWith(joinPath(target, "x").slice(0, -1)));
  if (isFolder && wantsFolder) return `has no ${kustomizationNames[0]}`;
  return isFolder ? "is a folder where a file is needed" : "is not among the files";
}

/** What kustomize takes for the URL of a file. */
function isUrl(text: string): boolean {
  return /^[a-z][a-z0-9+.-]*:/i.test(text);
}

/** What kustomize would clone with Git where it looks for a folder. */
function isRepository(text: string): boolean {
  return (
    /^[^/]*@/.test(text) ||
    /::|\/\/|\?|\.git(?:\/|$)|(?:^|\/)_git(?:\/|$)/.test(text) ||
    /^(?:www\.)?(?:github\.com|gitlab\.com|bitbucket\.org|ssh\.dev\.azure\.com)[/:]/i.test(text)
  );
}

/** A kustomization or plugin configuration, which kustomize must read exactly as it was read here. */
async function parseConfig(file: string, walk: Walk): Promise<YamlDocument[]> {
  const reason = configTextFault(walk.files.get(file)?.content ?? "");
  if (reason !== null) {
    walk.faults.push({ code: "yaml_invalid", file, message: `${quoted(file)} ${reason}.` });
    return [];
  }
  const documents = await parseFile(file, walk);
  for (const { value, line } of documents) {
    const key = oddKey(value);
    if (key === null) continue;
    const message = `${quoted(file)}: the key ${quoted(key)} must be plain ASCII.`;
    walk.faults.push({ code: "kustomization_unknown_field", file, line, entry: key, message });
  }
  return documents;
}

async function parseFile(file: string, walk: Walk): Promise<YamlDocument[]> {
  const known = walk.parsed.get(file);
  if (known !== undefined) return known;
  const { documents, faults } = await parseYamlStream(file, walk.files.get(file)?.content ?? "", "source");
  walk.faults.push(...faults);
  walk.parsed.set(file, documents);
  return documents;
}

/**
 * The files and folders that kustomizations in `files` name and that are not among `files`; remote
 * entries are left out. For a source that fetches a folder and must fetch its bases too.
 */
export async function missingReferences(files: readonly ManifestFile[], root: string): Promise<string[]> {
  const walk = createWalk(files);
  await visitFolder(root, "objects", walk);
  const targets = walk.faults
    .filter(({ code }) => code === "file_missing")
    .map(({ file = "", entry = "" }) => resolvePath(parentFolder(file), entry));
  return [...new Set(targets.filter((target) => target !== null))];
}
