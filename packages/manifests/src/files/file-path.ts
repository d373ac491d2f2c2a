import { quoted } from "../manifest-fault.ts";

const maxSegmentBytes = 255;
/** Half of a UTF-16 pair: text that UTF-8 cannot carry. */
export const loneSurrogate = /\p{Cs}/u;
const controlCharacter = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

/**
 * Says what is wrong with a path, or null for a path that is relative, POSIX, without `.` or `..`
 * and safe to create in an empty folder on any file system.
 */
export function pathFault(path: string, maxPathBytes: number): string | null {
  if (path === "") return "the path is empty";
  if (controlCharacter.test(path)) return "the path holds a control character";
  if (loneSurrogate.test(path)) return "the path is not valid Unicode";
  if (Buffer.byteLength(path) > maxPathBytes) return `the path is longer than ${maxPathBytes} bytes`;
  if (path.includes("\\")) return "the path holds a backslash; write / between folders";
  if (path.startsWith("/")) return "the path is absolute";
  if (/^[a-z]:/i.test(path)) return "the path names a drive";
  for (const segment of path.split("/")) {
    if (segment === "..") return "the path leaves the folder (..)";
    if (segment === "" || segment === ".") return "the path has an empty or . segment";
    if (Buffer.byteLength(segment) > maxSegmentBytes)
      return `${quoted(segment, 40)} is longer than 255 bytes`;
  }
  return null;
}

/** Two paths with the same key would be one file on a case-insensitive or normalising file system. */
export function foldPath(path: string): string {
  return path.normalize("NFC").toLowerCase();
}

/** `a/b/c.yaml` -> `a/b`; a path without folder -> ``. */
export function parentFolder(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash === -1 ? "" : path.slice(0, slash);
}

export function joinPath(folder: string, name: string): string {
  if (folder === "") return name;
  return name === "" ? folder : `${folder}/${name}`;
}

/**
 * Resolves `entry` (as written in a kustomization) against a folder. Null when it is absolute or
 * leaves the outermost folder; `` is the outermost folder itself.
 */
export function resolvePath(folder: string, entry: string): string | null {
  if (entry.startsWith("/") || entry.includes("\\")) return null;
  const segments = folder === "" ? [] : folder.split("/");
  for (const segment of entry.split("/")) {
    if (segment === "" || segment === ".") continue;
    if (segment !== "..") segments.push(segment);
    else if (segments.pop() === undefined) return null;
  }
  return segments.join("/");
}
