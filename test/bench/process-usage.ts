import { readFileSync } from "node:fs";

/** The kernel's unit of CPU times in /proc: USER_HZ, 100 a second on every Linux that Node runs on. */
const ticksPerSecond = 100;

/** Seconds of CPU, in user and kernel mode, that a process has used with all its threads. Linux only. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name in parentheses may hold spaces; what follows it is field 3 (proc(5)).
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** Resident memory of a process in bytes. Linux only. */
export function residentBytes(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  if (match === null) throw new Error(`/proc/${pid}/status names no VmRSS.`);
  return Number(match[1]) * 1_024;
}
