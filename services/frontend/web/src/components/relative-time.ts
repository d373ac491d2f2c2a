const steps = [
  { unit: "year", ms: 365 * 86_400_000 },
  { unit: "month", ms: 30 * 86_400_000 },
  { unit: "day", ms: 86_400_000 },
  { unit: "hour", ms: 3_600_000 },
  { unit: "minute", ms: 60_000 },
] as const;

const words = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

/** `3 minutes ago`, `in 2 days`, `just now`. */
export function relativeTime(at: Date, now: number): string {
  const distanceMs = at.getTime() - now;
  const step = steps.find(({ ms }) => Math.abs(distanceMs) >= ms);
  if (step === undefined) return distanceMs > 0 ? "in a moment" : "just now";
  return words.format(Math.trunc(distanceMs / step.ms), step.unit);
}
