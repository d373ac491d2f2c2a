import type { Models } from "../models.ts";

/** Content by its hash. */
export function createBlobRepository(_models: Models) {
  return {};
}
