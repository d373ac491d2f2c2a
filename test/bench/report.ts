import { cpus, totalmem } from "node:os";
import { readFileSync } from "node:fs";
import type { Measurement } from "./measurement.ts";

const columns = ["row", "what", "size", "baseline (same run)", "measured", "ratio", "target", ""] as const;

function cellsOf({ row, what, size, baseline, measured, ratio, target, passed }: Measurement): string[] {
  const shown = Number.isFinite(ratio) ? ratio.toFixed(2) : "-";
  return [
    row,
    what,
    size,
    baseline === "" ? "-" : baseline,
    measured,
    shown,
    target,
    passed ? "pass" : "short",
  ];
}

/** For a terminal. */
export function plainTable(measurements: readonly Measurement[]): string {
  const rows = [[...columns], ...measurements.map(cellsOf)];
  const widths = columns.map((_title, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  const notes = measurements.flatMap(({ row, notes = [] }) => notes.map((note) => `  ${row}: ${note}`));
  return [...lines, "", ...notes].join("\n");
}

export function markdownTable(measurements: readonly Measurement[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [
    line(columns),
    line(columns.map(() => "---")),
    ...measurements.map((one) => line(cellsOf(one))),
  ].join("\n");
}

/** The machine, in one line. */
export function machine(): string {
  const [first] = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${cpus().length} cores (${first?.model.trim() ?? "unknown"}), ${memory} GiB, ${kernel()}, Node ${process.versions.node}, OpenSSL ${process.versions.openssl}`;
}

function kernel(): string {
  try {
    return `Linux ${readFileSync("/proc/sys/kernel/osrelease", "utf8").trim()}`;
  } catch {
    return process.platform;
  }
}
