/** A Kubernetes control plane for trying things out, until Ctrl+C: `npm run cluster`. */
import { mkdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { ensureBinaries } from "./build.ts";
import { startCluster } from "./cluster.ts";

const dir = resolve("data/cluster");
const say = (line: string): void => void process.stdout.write(`${line}\n`);

try {
  const binaries = await ensureBinaries({ log: say });
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const cluster = await startCluster({ dir, log: say });
  say(`
  A control plane is up: API server, controllers and etcd, with no node, so Pods are made and never run.

    export KUBECONFIG=${cluster.kubeconfigPath}
    export PATH=$PATH:${resolve(join(binaries.kubectl, ".."))}

  Ctrl+C ends it and forgets everything.
`);
  await new Promise((done) => {
    process.once("SIGINT", done);
    process.once("SIGTERM", done);
  });
  await cluster.stop();
  rmSync(dir, { recursive: true, force: true });
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
