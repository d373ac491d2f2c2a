import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { root } from "./prepare.mjs";

const parts = ["agent/openshift", "agent/package.json", "agent/dist", "charts/rciots-agent"];

/** What the platform serves for clusters and hosts to install the agent from; the agent has to be built. */
export async function copyInstallFiles(target) {
  await rm(target, { recursive: true, force: true });
  for (const part of parts) {
    const filter = (path) => !path.endsWith(".map");
    await cp(join(root, part), join(target, part), { recursive: true, filter });
  }
}
