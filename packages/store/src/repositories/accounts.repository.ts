import type { Models } from "../models.ts";

/** Users, their sessions and their API tokens. */
export function createAccountRepository(_models: Models) {
  return {};
}
