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
  type InlineConfig,
  type KustomizationEntry,
} from "./kustomization-entries.ts";
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
export async function checkKustomizations(files: readonly ManifestFile[], root: string): Promise<Fault[]> {
  const walk: Walk = {
    files: new Map(files.map((file) => [file.path, file])),
    all: files,
    parsed: new Map(),
    visited: new Set(),
    faults: [],
  };
  await visitFolder(root, "objects", walk);
  return walk.faults;
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
  const documents = await parseFile(file, walk);
  const [document] = documents;
  if (document === undefined) return;
  if (documents.length > 1 || !isRecord(document.value)) {
    const message = `${quoted(file)} must hold one mapping.`;
    walk.faults.push({ code: "kustomization_invalid", file, line: document.line, message });
    return;
  }
  const origin = { file, folder, lineOf: document.lineOf };
  walk.faults.push(...fieldFaults(document.value, origin));
  await visitParts(readKustomization(document.value), origin, mode, walk);
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

async function visitParts(
  parts: ReturnType<typeof readKustomization>,
  origin: Origin,
  mode: Mode,
  walk: Walk,
): Promise<void> {
  for (const config of parts.inline) await visitInline(config, origin, walk);
  for (const entry of parts.entries) await visitEntry(entry, origin, mode, walk);
}

async function visitInline(
  { kind, text, at, field }: InlineConfig,
  origin: Origin,
  walk: Walk,
): Promise<void> {
  const line = origin.lineOf(at);
  const refuse = (code: string, reason: string): void => {
    walk.faults.push({
      code,
      file: origin.file,
      line,
      message: `${quoted(origin.file)}, line ${line}: ${field}: ${reason}`,
    });
  };
  // Kustomize tries such a text as a path or URL too, before or after it tries it as YAML.
  if (/^\s*[a-z][a-z0-9+.-]*:\/\//i.test(text))
    return refuse("remote_not_allowed", `${quoted(text)} is remote.`);
  const { documents, faults } = await parseYamlStream(origin.file, text, "source");
  // The line is the field's: the inline text has lines of its own.
  for (const fault of faults) refuse(fault.code, inner(fault));
  for (const document of documents) {
    if (!isRecord(document.value) && !Array.isArray(document.value))
      refuse("kustomization_invalid", `${quoted(text)} is neither a path nor an object.`);
    else if (kind === "plugin") await checkPlugin(document, { ...origin, lineOf: () => line }, walk);
  }
}

/** A parser's message without the place it begins with. */
function inner({ message }: Fault): string {
  return message.replace(/^"[^"]*"(?:, line \d+, column \d+)?: /, "");
}

async function visitEntry(entry: KustomizationEntry, origin: Origin, mode: Mode, walk: Walk): Promise<void> {
  const target = locate(entry, origin, walk);
  if (target === null) return;
  if (!walk.files.has(target)) return visitFolder(target, entry.kind === "plugin" ? "plugins" : mode, walk);
  if (entry.kind === "file") return;
  const documents = await parseFile(target, walk);
  if (entry.kind === "patch") return;
  for (const document of documents) {
    if (mode === "plugins" || entry.kind === "plugin") {
      await checkPlugin(document, { file: target, folder: origin.folder, lineOf: document.lineOf }, walk);
    } else walk.faults.push(...objectFaults(document));
  }
}

/** A configuration of a built-in transformer loads its files from the kustomization's folder. */
async function checkPlugin(document: YamlDocument, origin: Origin, walk: Walk): Promise<void> {
  const faults = pluginFaults({ ...document, file: origin.file, lineOf: origin.lineOf });
  walk.faults.push(...faults);
  if (faults.length === 0 && isRecord(document.value))
    await visitParts(readPluginFiles(document.value), origin, "objects", walk);
}

/** The file or folder an entry names, or null after noting why it cannot be used. */
function locate(entry: KustomizationEntry, { file, folder, lineOf }: Origin, walk: Walk): string | null {
  const line = lineOf(entry.at);
  const refuse = (code: string, reason: string): null => {
    const message = `${quoted(file)}, line ${line}: ${entry.field}: ${quoted(entry.text)} ${reason}.`;
    walk.faults.push({ code, file, line, entry: entry.text, message });
    return null;
  };
  if (isRemote(entry.text))
    return refuse("remote_not_allowed", "is remote; add its files to the template, or use a Git template");
  const target = resolvePath(folder, entry.text);
  if (target === null) return refuse("path_escapes", "leaves the folder");
  const isFile = walk.files.has(target);
  const wantsFolder = entry.kind === "resource" || entry.kind === "folder" || entry.kind === "plugin";
  if (isFile && entry.kind === "folder")
    return refuse("file_missing", "must be a folder with a kustomization");
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

/** What kustomize would fetch over the network, by HTTP or with Git. */
function isRemote(text: string): boolean {
  return (
    /^[a-z][a-z0-9+.-]*:/i.test(text) ||
    /^[^/]*@[^/]*:/.test(text) ||
    /::|\/\/|\?|\.git(?:\/|$)|(?:^|\/)_git(?:\/|$)/.test(text) ||
    /^(?:git@)?(?:www\.)?(?:github\.com|gitlab\.com|bitbucket\.org|ssh\.dev\.azure\.com)[/:]/i.test(text)
  );
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
  const walk: Walk = {
    files: new Map(files.map((file) => [file.path, file])),
    all: files,
    parsed: new Map(),
    visited: new Set(),
    faults: [],
  };
  await visitFolder(root, "objects", walk);
  const targets = walk.faults
    .filter(({ code }) => code === "file_missing")
    .map(({ file = "", entry = "" }) => resolvePath(parentFolder(file), entry));
  return [...new Set(targets.filter((target) => target !== null))];
}
