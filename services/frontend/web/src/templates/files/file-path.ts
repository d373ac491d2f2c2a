/** As the platform limits them; it checks again. */
export const fileLimits = {
  maxFiles: 1_000,
  maxFileBytes: 1_048_576,
  maxTotalBytes: 8 * 1_048_576,
  maxPathBytes: 512,
} as const;

const kustomizationNames = ["kustomization.yaml", "kustomization.yml", "Kustomization"];
const controlCharacter = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

export const byteLength = (text: string): number => new TextEncoder().encode(text).length;

/** `a/b/c.yaml` -> `a/b`; a path without folder -> ``. */
export const folderOf = (path: string): string => path.slice(0, Math.max(path.lastIndexOf("/"), 0));

export const nameOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

export const joinPath = (folder: string, name: string): string =>
  folder === "" ? name : `${folder}/${name}`;

/** Every folder on the way to a path, the outermost first. */
export function foldersOf(path: string): string[] {
  const folders: string[] = [];
  for (let folder = folderOf(path); folder !== ""; folder = folderOf(folder)) folders.unshift(folder);
  return folders;
}

/** What is wrong with a path, in words that follow "The path ..."; null for a good one. */
export function pathFault(path: string): string | null {
  if (path.trim() === "") return "is empty";
  if (controlCharacter.test(path)) return "holds a control character";
  if (byteLength(path) > fileLimits.maxPathBytes) return `is longer than ${fileLimits.maxPathBytes} bytes`;
  if (path.includes("\\")) return "holds a backslash; write / between folders";
  if (path.startsWith("/")) return "begins with /; give it within the template";
  if (/^[a-z]:/i.test(path)) return "names a drive";
  const segments = path.split("/");
  if (segments.includes("..")) return "leaves the template (..)";
  if (segments.some((segment) => segment === "" || segment === ".")) return "has an empty or . segment";
  if (segments.some((segment) => byteLength(segment) > 255)) return "has a name longer than 255 bytes";
  return null;
}

const fold = (path: string): string => path.normalize("NFC").toLowerCase();

/** Why a path can't be added beside the others; null where it can. */
export function clashFault(path: string, others: Iterable<string>): string | null {
  const wanted = fold(path);
  for (const other of others) {
    const there = fold(other);
    if (there === wanted) return other === path ? "is there already" : `differs from ${other} only in case`;
    if (there.startsWith(`${wanted}/`)) return `is a folder already`;
    if (wanted.startsWith(`${there}/`)) return `needs a folder where ${other} is a file`;
  }
  return null;
}

/** Folders that hold a kustomization, the top (the empty text) first. */
export function kustomizationFolders(paths: Iterable<string>): string[] {
  const folders = [...paths].filter((path) => kustomizationNames.includes(nameOf(path))).map(folderOf);
  return [...new Set(folders)].sort((a, b) => a.localeCompare(b));
}

/** The file to open first: the kustomization nearest to the top, else whatever is there. */
export function firstFile(paths: readonly string[]): string | null {
  const [top] = kustomizationFolders(paths);
  const own = paths.find((path) => folderOf(path) === top && kustomizationNames.includes(nameOf(path)));
  return own ?? paths[0] ?? null;
}

/** `12 bytes`, `1.5 KiB`, `8 MiB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1_024) return `${bytes} byte${bytes === 1 ? "" : "s"}`;
  const [size, unit] = bytes < 1_048_576 ? [bytes / 1_024, "KiB"] : [bytes / 1_048_576, "MiB"];
  return `${Number(size.toFixed(1))} ${unit}`;
}

export const isYaml = (path: string): boolean => /\.ya?ml$/i.test(path) || nameOf(path) === "Kustomization";
