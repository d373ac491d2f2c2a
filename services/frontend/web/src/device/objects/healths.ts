/** Health of an object by kstatus rules, the worst first. */
export const healths = ["Failed", "NotFound", "Terminating", "InProgress", "Unknown", "Current"] as const;
export type Health = (typeof healths)[number];

export const healthWords: Record<Health, string> = {
  Failed: "failed",
  NotFound: "not found",
  Terminating: "terminating",
  InProgress: "in progress",
  Unknown: "unknown",
  Current: "healthy",
};

export const isHealth = (word: string | null): word is Health =>
  (healths as readonly string[]).includes(word ?? "");
