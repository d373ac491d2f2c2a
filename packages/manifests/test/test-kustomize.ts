import { readdir } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { findKustomize, type KustomizeBinary } from "../src/kustomize/find-kustomize.ts";

/** A real kustomize for tests: from the PATH, else the one built for the test cluster; null: the tests that need it skip themselves. */
export async function findTestKustomize(): Promise<KustomizeBinary | null> {
  const cache = process.env["RCIOTS_CACHE_DIR"] ?? process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");
  const clusters = join(cache, "rciots", "cluster");
  const builds = await readdir(clusters).catch(() => []);
  const extraDirs = builds.map((name) => join(clusters, name));
  return findKustomize({ pathEnv: process.env["PATH"], extraDirs });
}

/** For a test that needs kustomize: skips it out loud. */
export function skipWithoutKustomize(
  context: Mocha.Context,
  binary: KustomizeBinary | null,
): asserts binary is KustomizeBinary {
  if (binary !== null) return;
  if (context.test !== undefined)
    context.test.title += " (skipped: there is neither kustomize, kubectl nor oc)";
  context.skip();
}
