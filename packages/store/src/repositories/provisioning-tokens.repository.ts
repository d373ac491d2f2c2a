import type { Models } from "../models.ts";

/** Tokens that let devices enrol. */
export function createProvisioningTokenRepository(_models: Models) {
  return {};
}
