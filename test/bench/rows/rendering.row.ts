import { availableParallelism } from "node:os";
import { compileSubstitution, createBundle, createKustomize, findKustomize } from "@rciots/manifests";
import { fleetFiles } from "../fleet-template.ts";
import { formatCount, type BenchContext, type BenchRow, type Measurement } from "../measurement.ts";

const builds = 10;
const durationMs = 3_000;
const batch = 100;

/** What one build per device would cost, against one build and a substitution per device. */
async function run({ say }: BenchContext): Promise<Measurement[]> {
  say("Rendering ...");
  const binary = await findKustomize({ pathEnv: process.env["PATH"] });
  if (binary === null) {
    say("There is no kustomize, kubectl or oc on the PATH: nothing to compare with.");
    return [];
  }
  const kustomize = createKustomize({ binary });
  const { ndjson } = await kustomize.render(fleetFiles("1"));
  const buildsStartedAt = performance.now();
  await Promise.all(Array.from({ length: builds }, () => kustomize.render(fleetFiles("1"))));
  const buildsPerSecond = (builds / (performance.now() - buildsStartedAt)) * 1_000;

  const compiled = compileSubstitution(ndjson);
  const startedAt = performance.now();
  let count = 0;
  while (performance.now() - startedAt < durationMs) {
    await Promise.all(
      Array.from({ length: batch }, (_none, index) =>
        createBundle(
          compiled.apply({ device: { id: `dev_${count + index}`, name: `sim-${count + index}` } }),
        ),
      ),
    );
    count += batch;
  }
  const bundlesPerSecond = (count / (performance.now() - startedAt)) * 1_000;
  const ratio = bundlesPerSecond / buildsPerSecond;
  const target = 100;
  return [
    {
      row: "rendering",
      what: "substitution and bundle per device, beside a kustomize build per device",
      size: `${builds} builds, ${formatCount(count)} bundles of 2 objects`,
      baseline: `${buildsPerSecond.toFixed(1)} builds/s (${binary.kind} ${binary.version})`,
      measured: `${formatCount(bundlesPerSecond)} bundles/s`,
      ratio,
      target: `${target}x`,
      passed: ratio >= target,
      load: target / ratio,
      notes: [`Builds ran 2 at a time on ${availableParallelism()} cores, as the platform runs them.`],
    },
  ];
}

export const renderingRow: BenchRow = {
  name: "rendering",
  about: "substitution per device beside kustomize per device",
  run,
};
