import { closeSync } from "node:fs";
import { run } from "./run.ts";

const ending = new AbortController();
// The first asks the command to end; the second, which nothing catches, ends the process.
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(name, () => ending.abort());

/** `end` leaves the descriptor of a process's own output open. */
function endStdout(): void {
  process.stdout.write("", () => closeSync(1));
}

try {
  process.exitCode = await run(process.argv.slice(2), {
    env: process.env,
    program: [process.execPath, process.argv[1] ?? ""],
    say: (line) => void process.stdout.write(`${line}\n`),
    complain: (line) => void process.stderr.write(`${line}\n`),
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    endStdout,
    signal: ending.signal,
  });
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
