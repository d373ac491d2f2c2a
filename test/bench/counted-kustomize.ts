import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findKustomize } from "@rciots/manifests";

export interface CountedKustomize {
  /** Undefined where this machine has none. */
  readonly path: string | undefined;
  /** Builds so far, by whoever was told of `path`. */
  builds(): number;
}

const quoted = (path: string): string => `'${path.replaceAll("'", `'\\''`)}'`;

/** A script in front of the machine's kustomize that writes a line for each run: builds are counted from outside. */
export async function createCountedKustomize(dir: string): Promise<CountedKustomize> {
  const found = await findKustomize({ pathEnv: process.env["PATH"] });
  if (found === null) return { path: undefined, builds: () => 0 };
  const log = join(dir, "kustomize-runs");
  const path = join(dir, `${found.kind}-counted`);
  writeFileSync(path, `#!/bin/sh\nprintf '%s\\n' "$1" >> ${quoted(log)}\nexec ${quoted(found.path)} "$@"\n`);
  chmodSync(path, 0o755);
  return {
    path,
    builds() {
      const runs = existsSync(log) ? readFileSync(log, "utf8").trim().split("\n") : [];
      return runs.filter((verb) => verb !== "version" && verb !== "").length;
    },
  };
}
