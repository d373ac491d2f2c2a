import type { Models } from "../models.ts";

/** Certificate authorities; their keys only in sealed form. */
export function createAuthorityRepository(_models: Models) {
  return {};
}
