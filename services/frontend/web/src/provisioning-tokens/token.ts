import type { Schema } from "../api/client.ts";

export type Token = Schema<"ProvisioningToken">;
export type Install = Token["install"];

/** Whether a token lets devices in now, and if not, why. */
export const tokenStates = ["active", "expired", "exhausted", "disabled"] as const;
export type TokenState = (typeof tokenStates)[number];

export function tokenState(
  {
    enabled,
    expiresAt,
    maxDevices,
    usedCount,
  }: Pick<Token, "enabled" | "expiresAt" | "maxDevices" | "usedCount">,
  now: number,
): TokenState {
  if (!enabled) return "disabled";
  if (expiresAt !== null && Date.parse(expiresAt) <= now) return "expired";
  return maxDevices !== null && usedCount >= maxDevices ? "exhausted" : "active";
}

export interface TokenFilter {
  /** Part of the name. */
  q: string;
  /** None: all. */
  states: readonly TokenState[];
}

export function isMatch(token: Token, { q, states }: TokenFilter, now: number): boolean {
  if (states.length > 0 && !states.includes(tokenState(token, now))) return false;
  return token.name.toLowerCase().includes(q.trim().toLowerCase());
}
