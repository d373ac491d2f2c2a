import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEmbeddedMongo } from "../../src/index.ts";
import { runFolder } from "./runner.ts";

const folder = process.argv[2] ?? "";
const dataDir = mkdtempSync(join(tmpdir(), "emspec-"));
const store = await startEmbeddedMongo({ dataDir, testCommands: true, logger: console });
const results = await runFolder({ folder, uri: store.uri, server: { version: "7.0.0", topology: "replicaset" } });
for (const { file, test, outcome } of results) {
  if (outcome.kind === "failed") console.log("FAILED", file, "|", test, "|", outcome.reason);
  if (outcome.kind === "refused") console.log("refused", file, "|", test, "|", outcome.feature);
}
const counts = new Map<string, number>();
for (const { outcome } of results) counts.set(outcome.kind, (counts.get(outcome.kind) ?? 0) + 1);
console.log(counts);
await store.stop();
rmSync(dataDir, { recursive: true, force: true });
