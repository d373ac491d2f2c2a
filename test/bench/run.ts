import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { format, resolveConfig } from "prettier";
import { barChart } from "./chart.ts";
import { startFleet, type Fleet } from "./fleet.ts";
import type { BenchRow, Measurement } from "./measurement.ts";
import { machine, markdownTable, plainTable } from "./report.ts";
import { agentMemoryRow } from "./rows/agent-memory.row.ts";
import { consoleRow } from "./rows/console.row.ts";
import { deliveryRow } from "./rows/delivery.row.ts";
import { devicesRow } from "./rows/devices.row.ts";
import { enrolmentRow } from "./rows/enrolment.row.ts";
import { handshakesRow } from "./rows/handshakes.row.ts";
import { renderingRow } from "./rows/rendering.row.ts";
import { returnRow } from "./rows/return.row.ts";
import { revocationRow } from "./rows/revocation.row.ts";
import { sessionsRow } from "./rows/sessions.row.ts";
import { tunnelPathsRow } from "./rows/tunnel-paths.row.ts";
import { tunnelsRow } from "./rows/tunnels.row.ts";

/** In this order: the last ones take the fleet apart. */
const rows: BenchRow[] = [
  consoleRow,
  renderingRow,
  devicesRow,
  handshakesRow,
  tunnelsRow,
  tunnelPathsRow,
  enrolmentRow,
  deliveryRow,
  returnRow,
  revocationRow,
  sessionsRow,
  agentMemoryRow,
];
const defaultDevices = 2_000;
const fullDevices = 10_000;
const defaultHandshakeSeconds = 5;

const usage = `Measures the platform on this machine, each row beside a baseline of the same run.

Usage: npm run bench -- [row ...] [options]

  --devices N     simulated devices (default ${defaultDevices})
  --full          ${fullDevices} devices
  --seconds N     of each handshake measurement (default ${defaultHandshakeSeconds})
  --write         puts the table and the chart into docs/benchmarks.md and docs/benchmarks.svg

Rows:
${rows.map(({ name, about }) => `  ${name.padEnd(14)} ${about}`).join("\n")}
`;

const say = (message: string): void => void process.stderr.write(`> ${message}\n`);

function readArgs() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      devices: { type: "string" },
      seconds: { type: "string" },
      full: { type: "boolean", default: false },
      write: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const number = (text: string | undefined, fallback: number, max: number): number => {
    const value = text === undefined ? fallback : Number(text);
    if (!Number.isInteger(value) || value < 1 || value > max)
      throw new Error(`"${text ?? ""}" is not a number from 1 to ${max}.`);
    return value;
  };
  const unknown = positionals.filter((name) => !rows.some((row) => row.name === name));
  if (unknown.length > 0) throw new Error(`There is no row ${unknown.join(", ")}.`);
  return {
    help: values.help,
    write: values.write,
    devices: number(values.devices, values.full ? fullDevices : defaultDevices, 20_000),
    handshakeSeconds: number(values.seconds, defaultHandshakeSeconds, 60),
    chosen: rows.filter((row) => positionals.length === 0 || positionals.includes(row.name)),
  };
}

async function measure(options: ReturnType<typeof readArgs>): Promise<Measurement[]> {
  let fleet: Promise<Fleet> | undefined;
  const context = {
    devices: options.devices,
    handshakeSeconds: options.handshakeSeconds,
    say,
    fleet: () => (fleet ??= startFleet({ size: options.devices, say })),
  };
  const measurements: Measurement[] = [];
  try {
    for (const row of options.chosen) {
      const measured = await row.run(context);
      // Said at once: what a long run has measured is not lost with it.
      for (const { what, measured: value, passed } of measured)
        say(`  ${what}: ${value} (${passed ? "pass" : "short"})`);
      measurements.push(...measured);
    }
  } finally {
    if (fleet !== undefined) await (await fleet.catch(() => undefined))?.stop();
  }
  return measurements;
}

const marks = { begin: "<!-- table: npm run bench -- --write -->", end: "<!-- end of table -->" };

/** Replaces what stands between the marks; the text around it is written by hand. */
async function writeDocs(measurements: Measurement[], command: string): Promise<void> {
  const file = join(process.cwd(), "docs/benchmarks.md");
  const before = readFileSync(file, "utf8");
  const begin = before.indexOf(marks.begin);
  const end = before.indexOf(marks.end);
  if (begin === -1 || end < begin) throw new Error(`${file} has no marks for the table.`);
  const notes = measurements.flatMap(({ row, notes = [] }) => notes.map((note) => `- ${row}: ${note}`));
  const body = [
    marks.begin,
    "",
    `\`${command}\`, ${new Date().toISOString().slice(0, 10)}: ${machine()}.`,
    "",
    markdownTable(measurements),
    "",
    ...notes,
    "",
    "![Share of each target used up](benchmarks.svg)",
    "",
  ].join("\n");
  const text = `${before.slice(0, begin)}${body}${before.slice(end)}`;
  writeFileSync(file, await format(text, { ...(await resolveConfig(file)), parser: "markdown" }));
  writeFileSync(join(process.cwd(), "docs/benchmarks.svg"), barChart(measurements));
}

async function main(): Promise<number> {
  const options = readArgs();
  if (options.help) {
    process.stdout.write(usage);
    return 0;
  }
  const startedAt = Date.now();
  const measurements = await measure(options);
  process.stdout.write(`\n${machine()}\n\n${plainTable(measurements)}\n\n`);
  process.stdout.write(`Took ${Math.round((Date.now() - startedAt) / 1_000)} s.\n`);
  if (options.write) await writeDocs(measurements, `npm run bench -- ${process.argv.slice(2).join(" ")}`);
  return 0;
}

// The workers end with this process, and it removes their data on its way out.
process.once("SIGINT", () => process.exit(130));
process.once("SIGTERM", () => process.exit(143));
try {
  process.exitCode = await main();
} catch (error) {
  say(error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.exitCode = 1;
}
