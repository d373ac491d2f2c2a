import type { Models } from "../models.ts";

/** Templates and their immutable versions. */
export function createTemplateRepository(_models: Models) {
  return {};
}
