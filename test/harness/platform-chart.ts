import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { parseAllDocuments } from "yaml";

const run = promisify(execFile);
const chart = fileURLToPath(new URL("../../charts/rciots", import.meta.url));

export interface ChartObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string>; annotations?: object };
  [field: string]: any;
}

/** The examples that come with the chart, by name. */
export const chartExamples: readonly string[] = readdirSync(join(chart, "examples"))
  .map((file) => basename(file, ".yaml"))
  .sort();
export const examplePath = (name: string): string => join(chart, "examples", `${name}.yaml`);

export interface HelmOptions {
  release?: string;
  namespace?: string;
  /** Names of examples whose values come first. */
  examples?: readonly string[];
  values?: object;
  kubeconfig?: string;
  flags?: readonly string[];
}

/** Runs one of Helm's commands on the platform's chart. Rejects with what Helm said. */
export async function runHelm(
  helm: string,
  command: "install" | "upgrade" | "template" | "lint",
  options: HelmOptions,
) {
  const { release = "rciots", namespace = "rciots", examples = [], values = {}, kubeconfig } = options;
  const target = command === "lint" ? [chart] : [release, chart, "--namespace", namespace];
  const files = examples.flatMap((name) => ["--values", examplePath(name)]);
  const version = command === "template" || command === "lint" ? ["--kube-version=1.36.0"] : [];
  const args = [command, ...target, ...files, "--values", "-", ...version, ...(options.flags ?? [])];
  const running = run(helm, args, {
    env: { ...process.env, ...(kubeconfig === undefined ? {} : { KUBECONFIG: kubeconfig }) },
    maxBuffer: 16 * 1024 * 1024,
  });
  running.child.stdin?.end(JSON.stringify(values));
  return running;
}

/** What the chart renders, hooks included. */
export async function renderPlatform(helm: string, options: HelmOptions): Promise<ChartObject[]> {
  const { stdout } = await runHelm(helm, "template", options);
  return parseAllDocuments(stdout)
    .map((document) => document.toJS() as ChartObject | null)
    .filter((object) => object !== null);
}

export function findObject(objects: readonly ChartObject[], kind: string, name: string): ChartObject {
  const found = objects.find((object) => object.kind === kind && object.metadata.name === name);
  assert.ok(found, `there is a ${kind} ${name}`);
  return found;
}
