import type { Writable } from "node:stream";
import type { CommandContext } from "../command.ts";
import { describeEnd, type Execution } from "./execution.ts";

export type OutputStream = "stdout" | "stderr";

/** Shows a run as it goes. Each call resolves once what it wrote was taken: whoever reads slowly is waited for. */
export interface RunPrinter {
  started(run: { id: string; deviceCount: number }): Promise<void>;
  output(execution: Execution, piece: { stream: OutputStream; text: string }): Promise<void>;
  /** So many bytes are not kept: there was more than that. */
  skipped(execution: Execution, bytes: number): Promise<void>;
  ended(execution: Execution): Promise<void>;
  finished(executions: readonly Execution[]): Promise<void>;
}

type Write = (text: string) => Promise<void>;

/** `onClosed`: nobody reads it any more. */
function createWrite(stream: Writable, onClosed: () => void): Write {
  let isOpen = true;
  stream.on("error", () => {
    isOpen = false;
    onClosed();
  });
  return (text) =>
    new Promise((resolve) => {
      if (isOpen && text !== "") stream.write(text, () => resolve());
      else resolve();
    });
}

/** The output of one device as it is. */
function createPlainPrinter(out: Record<OutputStream, Write>): RunPrinter {
  return {
    async started() {},
    output: (_execution, { stream, text }) => out[stream](text),
    skipped: (_execution, bytes) => out.stderr(`\n[${bytes} bytes of output were not kept]\n`),
    async ended(execution) {
      const isSaid = execution.state === "failed" && execution.exitCode !== null;
      if (execution.state === "succeeded" || isSaid) return;
      await out.stderr(`${execution.deviceName}: ${describeEnd(execution)}\n`);
    },
    async finished() {},
  };
}

const maxLineChars = 65_536;

/** Whole lines with the device in front, so that those of several stay apart. */
function createPrefixPrinter(out: Record<OutputStream, Write>): RunPrinter {
  const begun = new Map<string, string>();

  async function flush({ id, deviceName }: Execution, stream: OutputStream): Promise<void> {
    const rest = begun.get(`${id} ${stream}`);
    begun.delete(`${id} ${stream}`);
    if (rest !== undefined && rest !== "") await out[stream](`${deviceName}: ${rest}\n`);
  }

  return {
    started: ({ id, deviceCount }) => out.stderr(`Runs on ${deviceCount} devices (${id}).\n`),
    async output(execution, { stream, text }) {
      const key = `${execution.id} ${stream}`;
      const lines = `${begun.get(key) ?? ""}${text}`.split("\n");
      const rest = lines.pop() ?? "";
      begun.set(key, rest);
      await out[stream](lines.map((line) => `${execution.deviceName}: ${line}\n`).join(""));
      if (rest.length > maxLineChars) await flush(execution, stream);
    },
    async skipped(execution, bytes) {
      await flush(execution, "stdout");
      await flush(execution, "stderr");
      await out.stderr(`${execution.deviceName}: [${bytes} bytes of output were not kept]\n`);
    },
    async ended(execution) {
      await flush(execution, "stdout");
      await flush(execution, "stderr");
      if (execution.state !== "succeeded")
        await out.stderr(`${execution.deviceName}: ${describeEnd(execution)}\n`);
    },
    async finished(executions) {
      const well = executions.filter(({ state }) => state === "succeeded").length;
      await out.stderr(`It succeeded on ${well} of ${executions.length} devices.\n`);
    },
  };
}

/** A line of JSON for each thing that happens. */
function createJsonPrinter({ stdout }: Record<OutputStream, Write>): RunPrinter {
  const say = (value: object): Promise<void> => stdout(`${JSON.stringify(value)}\n`);
  const deviceOf = ({ deviceId, deviceName }: Execution) => ({ deviceId, device: deviceName });
  return {
    started: ({ id, deviceCount }) => say({ event: "started", runId: id, deviceCount }),
    output: (execution, piece) => say({ event: "output", ...deviceOf(execution), ...piece }),
    skipped: (execution, bytes) => say({ event: "skipped", ...deviceOf(execution), bytes }),
    ended(execution) {
      const { state, exitCode, signal, message, outputBytes } = execution;
      const how = { state, exitCode, signal, message, outputBytes };
      return say({ event: "ended", ...deviceOf(execution), ...how });
    },
    async finished(executions) {
      const counts: Record<string, number> = {};
      for (const { state } of executions) counts[state] = (counts[state] ?? 0) + 1;
      await say({ event: "finished", counts });
    },
  };
}

export function createRunPrinter(
  { stdout, stderr }: Pick<CommandContext, "stdout" | "stderr">,
  options: { isJson: boolean; deviceCount: number; onClosed: () => void },
): RunPrinter {
  const out = {
    stdout: createWrite(stdout, options.onClosed),
    stderr: createWrite(stderr, () => undefined),
  };
  if (options.isJson) return createJsonPrinter(out);
  return options.deviceCount === 1 ? createPlainPrinter(out) : createPrefixPrinter(out);
}
