import { withTimeout } from "@rciots/runtime";
import { Counter, Gauge, type Registry } from "prom-client";

const readTimeoutMs = 2_000;

/** One number, or one for each value of the labels. */
export type Reading = number | readonly (readonly [labels: readonly string[], value: number])[];

export interface ReadingOptions {
  name: string;
  help: string;
  /** Names of the labels, in the order in which the reading has their values. */
  label?: readonly string[];
  /** Asked when Prometheus asks. */
  read: () => Reading | Promise<Reading>;
}

/** Metrics whose numbers are kept elsewhere and read when they are asked for. */
export interface Readings {
  gauge(options: ReadingOptions): void;
  /** Of a total that only grows while the process lives. */
  counter(options: ReadingOptions): void;
}

const rowsOf = (reading: Reading) => (typeof reading === "number" ? [[[], reading] as const] : reading);

/** A part that can't answer, such as while the database is away, leaves the others' numbers alone. */
const readSafely = (read: ReadingOptions["read"]): Promise<Reading> =>
  withTimeout(Promise.resolve().then(read), readTimeoutMs, () => new Error("too slow")).catch(() => []);

export function createReadings(registry: Registry): Readings {
  const labelled = (names: readonly string[], values: readonly string[]): Record<string, string> =>
    Object.fromEntries(names.map((name, index) => [name, values[index] ?? ""]));

  return {
    gauge({ name, help, label = [], read }) {
      new Gauge({
        name,
        help,
        labelNames: label,
        registers: [registry],
        async collect() {
          const rows = rowsOf(await readSafely(read));
          this.reset();
          for (const [values, value] of rows) this.set(labelled(label, values), value);
        },
      });
    },
    counter({ name, help, label = [], read }) {
      new Counter({
        name,
        help,
        labelNames: label,
        registers: [registry],
        async collect() {
          const rows = rowsOf(await readSafely(read));
          this.reset();
          for (const [values, value] of rows) this.inc(labelled(label, values), value);
        },
      });
    },
  };
}

/** Reads once for all metrics of a scrape, which are collected in one turn of the event loop. */
export function oncePerTurn<Numbers>(read: () => Numbers): () => Numbers {
  let kept: { numbers: Numbers } | undefined;
  return () => {
    if (kept === undefined) {
      kept = { numbers: read() };
      setImmediate(() => (kept = undefined));
    }
    return kept.numbers;
  };
}

/** Of counts by name, each with a label; `known` are there from the start, so that a rate has a beginning. */
export function rowsByName(
  counts: Readonly<Record<string, number>>,
  known: readonly string[] = [],
): [string[], number][] {
  const names = [...new Set([...known, ...Object.keys(counts)])];
  return names.map((name) => [[name], counts[name] ?? 0]);
}
