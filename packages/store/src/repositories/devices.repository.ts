import type { Models } from "../models.ts";

/** Devices as operators see and change them. */
export function createDeviceRepository(_models: Models) {
  return {};
}
