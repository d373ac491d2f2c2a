import { parentFolder } from "../files/file-path.ts";
import { kustomizationNames, type ManifestFile } from "../files/manifest-file.ts";
import { isRecord, listOf, type PlainRecord } from "../yaml/records.ts";
import { parseYamlStream, type YamlDocument } from "../yaml/yaml-stream.ts";
import { readKustomization } from "./kustomization-entries.ts";

/** More YAML than this is not read again only to find the place of a fault. */
const maxIndexedBytes = 4 * 1024 * 1024;

export interface Place {
  file: string;
  /** 1-based. */
  line?: number;
}

/** Where a value stands in a document. */
export type ValuePath = readonly (string | number)[];

export interface Kustomization {
  file: string;
  folder: string;
  value: PlainRecord;
  lineOf: (path: ValuePath) => number;
}

/** The files as they were written, to find what kustomize speaks of. */
export interface SourceIndex {
  files: readonly ManifestFile[];
  kustomizations: readonly Kustomization[];
  /** Objects of this kind and name, in the order of the files. */
  objects: (kind: string, name: string) => (Place & { isPatch: boolean })[];
  /** The first line that holds the text. */
  lineWith: (text: string) => Place | undefined;
  /** The first kustomization with such a value; `find` gives the value's path. */
  entry: (find: (value: PlainRecord) => ValuePath | undefined) => Place | undefined;
}

export async function indexSources(files: readonly ManifestFile[]): Promise<SourceIndex> {
  const documents = await parseAll(files);
  const kustomizations = documents.flatMap(asKustomization);
  const patchFiles = new Set(kustomizations.flatMap(patchNames));
  const isPatch = (file: string): boolean => patchFiles.has(file.slice(file.lastIndexOf("/") + 1));
  return {
    files,
    kustomizations,
    objects: (kind, name) =>
      documents
        .filter(({ value }) => isObject(value, kind, name))
        .map(({ file, lineOf }) => ({ file, line: lineOf([]), isPatch: isPatch(file) })),
    lineWith: (text) => firstLineWith(files, text),
    entry: (find) => {
      for (const { file, value, lineOf } of kustomizations) {
        const path = find(value);
        if (path !== undefined) return { file, line: lineOf(path) };
      }
      return undefined;
    },
  };
}

async function parseAll(files: readonly ManifestFile[]): Promise<YamlDocument[]> {
  const documents: YamlDocument[] = [];
  let indexedBytes = 0;
  for (const { path, content } of files) {
    if (!isYaml(path)) continue;
    indexedBytes += content.length;
    if (indexedBytes > maxIndexedBytes) break;
    documents.push(...(await parseYamlStream(path, content, "source")).documents);
  }
  return documents;
}

const baseName = (path: string): string => path.slice(path.lastIndexOf("/") + 1);
const isKustomization = (path: string): boolean =>
  (kustomizationNames as readonly string[]).includes(baseName(path));
const isYaml = (path: string): boolean => /\.ya?ml$/.test(path) || isKustomization(path);

function asKustomization({ file, value, lineOf }: YamlDocument): Kustomization[] {
  return isKustomization(file) && isRecord(value)
    ? [{ file, folder: parentFolder(file), value, lineOf }]
    : [];
}

function patchNames({ value }: Kustomization): string[] {
  return readKustomization(value)
    .entries.filter(({ kind }) => kind === "patch")
    .map(({ text }) => baseName(text));
}

export function isObject(value: unknown, kind: string, name: string): boolean {
  return (
    isRecord(value) &&
    value["kind"] === kind &&
    isRecord(value["metadata"]) &&
    value["metadata"]["name"] === name
  );
}

export function firstLineWith(files: readonly ManifestFile[], text: string): Place | undefined {
  for (const { path, content } of files) {
    const at = content.indexOf(text);
    if (at !== -1) return { file: path, line: content.slice(0, at).split("\n").length };
  }
  return undefined;
}

/** The path of the first item of a list field that `matches`. */
export function itemPath(
  value: PlainRecord,
  field: string,
  matches: (item: PlainRecord) => boolean,
): ValuePath | undefined {
  const index = listOf(value[field]).findIndex((item) => isRecord(item) && matches(item));
  return index === -1 ? undefined : [field, index];
}
