import type { Models } from "../models.ts";

/** What devices were told to run. */
export function createDeviceRevisionRepository(_models: Models) {
  return {};
}
