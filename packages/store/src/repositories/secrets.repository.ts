import type { Models } from "../models.ts";

/** Secrets and Git credentials in sealed form. */
export function createSecretRepository(_models: Models) {
  return {};
}
