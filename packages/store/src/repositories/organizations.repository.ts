import type { Models } from "../models.ts";

/** Tenants. */
export function createOrganizationRepository(_models: Models) {
  return {};
}
