/** A text file of a template or an overlay. */
export interface ManifestFile {
  /** Relative POSIX path, e.g. `overlays/prod/kustomization.yaml`. */
  path: string;
  /** UTF-8 text. */
  content: string;
}

export interface FileLimits {
  maxFiles: number;
  /** Bytes of UTF-8 of one file. */
  maxFileBytes: number;
  /** Bytes of UTF-8 of all files together. */
  maxTotalBytes: number;
  /** Bytes of UTF-8 of one path. */
  maxPathBytes: number;
}

const kib = 1024;
const mib = 1024 * kib;

export const defaultFileLimits: Readonly<FileLimits> = Object.freeze({
  maxFiles: 1000,
  maxFileBytes: mib,
  maxTotalBytes: 8 * mib,
  maxPathBytes: 512,
});

/** The names kustomize looks for, in its order. */
export const kustomizationNames = ["kustomization.yaml", "kustomization.yml", "Kustomization"] as const;

/** `12 bytes`, `1.5 KiB`, `8 MiB`: for messages about limits. */
export function formatBytes(bytes: number): string {
  if (bytes < kib) return `${bytes} bytes`;
  const [size, unit] = bytes < mib ? [bytes / kib, "KiB"] : [bytes / mib, "MiB"];
  return `${Number(size.toFixed(1))} ${unit}`;
}
