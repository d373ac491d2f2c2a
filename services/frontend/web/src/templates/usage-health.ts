/** Parts of a health bar, in the order they stand. */
export interface HealthPart {
  key: "healthy" | "progressing" | "degraded" | "failed" | "none";
  label: string;
  count: number;
}

const parts: { key: HealthPart["key"]; label: string; states: string[] }[] = [
  { key: "healthy", label: "healthy", states: ["healthy"] },
  {
    key: "progressing",
    label: "in progress",
    states: ["offered", "downloading", "applying", "progressing"],
  },
  { key: "degraded", label: "degraded", states: ["degraded"] },
  { key: "failed", label: "failed", states: ["failed", "rolled_back"] },
  { key: "none", label: "not reported", states: ["none"] },
];

/** Counts of states as parts; those of none are left out. */
export function healthParts(byState: Readonly<Record<string, number>>): HealthPart[] {
  return parts
    .map(({ key, label, states }) => ({
      key,
      label,
      count: states.reduce((sum, state) => sum + (byState[state] ?? 0), 0),
    }))
    .filter(({ count }) => count > 0);
}

/** `3 healthy, 1 failed`; for a screen reader and on hover. */
export const healthText = (found: readonly HealthPart[]): string =>
  found.map(({ label, count }) => `${count} ${label}`).join(", ");

/** `1 device`, `2 devices`, `no device`. */
export function countOf(count: number, noun: string): string {
  if (count === 0) return `no ${noun}`;
  return `${count.toLocaleString()} ${noun}${count === 1 ? "" : "s"}`;
}
