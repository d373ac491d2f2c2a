import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startEmbeddedMongo } from "../../src/index.ts";
import { isKnownGap } from "./driver-gaps.ts";
import { runFolder, type TestResult } from "./runner.ts";
import { SERVER } from "./server.ts";

/**
 * Runs a folder of the unified test format and prints what came of it; with `--write`, puts the table into the
 * package's README. Run: node --import tsx packages/embedded-mongo/test/unified/main.ts <folder> [--write]
 */
const BEGIN = "<!-- specification-results: begin -->";
const END = "<!-- specification-results: end -->";

function kindOf(result: TestResult): string {
  return isKnownGap(result) ? "not sent by the driver" : result.outcome.kind;
}

function table(results: readonly TestResult[]): string {
  const counts = new Map<string, number>();
  for (const result of results) counts.set(kindOf(result), (counts.get(kindOf(result)) ?? 0) + 1);
  const refusals = new Map<string, number>();
  for (const { outcome } of results) {
    if (outcome.kind === "refused") refusals.set(outcome.feature, (refusals.get(outcome.feature) ?? 0) + 1);
  }
  const count = (kind: string): number => counts.get(kind) ?? 0;
  return [
    "| result | tests |",
    "| --- | ---: |",
    `| passed | ${count("passed")} |`,
    `| refused as unsupported, by name | ${count("refused")} |`,
    ...[...refusals].map(([feature, number]) => `| &nbsp;&nbsp;${feature} | ${number} |`),
    `| for another server version or topology | ${count("skipped")} |`,
    `| the Node.js driver does not send the option under test | ${count("not sent by the driver")} |`,
    `| failed | ${count("failed")} |`,
  ].join("\n");
}

const [folder = ""] = process.argv.slice(2);
const dataDir = mkdtempSync(join(tmpdir(), "emspec-"));
const store = await startEmbeddedMongo({ dataDir, testCommands: true });
const results = await runFolder({ folder, uri: store.uri, server: SERVER });
await store.stop();
rmSync(dataDir, { recursive: true, force: true });
for (const { file, test, outcome } of results) {
  if (outcome.kind === "failed") process.stdout.write(`failed: ${file}: ${test}: ${outcome.reason}\n`);
}
process.stdout.write(`${table(results)}\n`);
if (process.argv.includes("--write")) {
  const readme = fileURLToPath(new URL("../../README.md", import.meta.url));
  const text = readFileSync(readme, "utf8");
  const from = text.indexOf(BEGIN) + BEGIN.length;
  writeFileSync(readme, `${text.slice(0, from)}\n\n${table(results)}\n\n${text.slice(text.indexOf(END))}`);
}
