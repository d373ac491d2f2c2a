// `npm run cluster`: a Kubernetes control plane on this machine, for the tour and for trying things out.
import { installPackages, requireNode, root, run } from "./lib/prepare.mjs";

requireNode();
await installPackages();
// Ctrl+C reaches the whole group; this process waits for the control plane to end in order.
process.on("SIGINT", () => undefined);
process.exit(await run(process.execPath, ["--import", "tsx", "test/cluster/run.ts"], { cwd: root }));
