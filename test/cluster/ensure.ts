/** Prepares the test control plane: `npx tsx test/cluster/ensure.ts`. Exits 0 when it is ready, 1 with a reason. */
import { ensureBinaries, ensureKubelet } from "./build.ts";

const abort = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => abort.abort());

try {
  const log = (line: string) => console.log(`test control plane: ${line}`);
  const binaries = await ensureBinaries({ log, signal: abort.signal });
  await ensureKubelet({ log, signal: abort.signal });
  console.log(`test control plane: ready (${binaries["kube-apiserver"]})`);
} catch (error) {
  console.error(`test control plane: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
