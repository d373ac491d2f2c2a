import type { Fleet } from "./fleet.ts";

/** One line of the table. */
export interface Measurement {
  /** Of the row it belongs to: the name that `npm run bench -- NAME` takes. */
  row: string;
  what: string;
  /** What it was measured with, such as "2,000 devices". */
  size: string;
  /** Of the same run; "" where the target is absolute. */
  baseline: string;
  measured: string;
  /** Measured to baseline, or to the target where there is no baseline. */
  ratio: number;
  target: string;
  passed: boolean;
  /** For the chart: how much of the target is used up (lower is better), 1 being the target itself. */
  load: number;
  notes?: string[];
}

export interface BenchContext {
  /** Simulated devices of the fleet. */
  devices: number;
  /** Seconds of one handshake measurement. */
  handshakeSeconds: number;
  /** Started, enrolled and connected by the first row that asks. */
  fleet(): Promise<Fleet>;
  say: (message: string) => void;
}

export interface BenchRow {
  name: string;
  about: string;
  run(context: BenchContext): Promise<Measurement[]>;
}

export const formatCount = (value: number): string => Math.round(value).toLocaleString("en-GB");
export const formatKib = (bytes: number): string => `${(bytes / 1_024).toFixed(1)} KiB`;
export const formatMib = (bytes: number): string => `${(bytes / 1_048_576).toFixed(1)} MiB`;
export const formatMs = (ms: number): string =>
  ms >= 10_000 ? `${(ms / 1_000).toFixed(1)} s` : `${ms >= 100 ? Math.round(ms) : ms.toFixed(1)} ms`;
