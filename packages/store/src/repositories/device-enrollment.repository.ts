import type { Models } from "../models.ts";

/** The life of a device's identity: created, approved, recovered. */
export function createDeviceEnrollmentRepository(_models: Models) {
  return {};
}
