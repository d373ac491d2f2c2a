import type { Models } from "../models.ts";

/** Presence and reports of connected devices, written in batches. */
export function createDeviceSessionRepository(_models: Models) {
  return {};
}
