import { notFound } from "@rciots/runtime";
import type { Device, Store } from "@rciots/store";

/** A device of this organisation; throws `device_not_found` (404), also where it is another one's. */
export async function requireDevice(
  store: Pick<Store, "devices">,
  organizationId: string,
  deviceId: string,
): Promise<Device> {
  const device = await store.devices.find(organizationId, deviceId);
  if (device === null) throw notFound({ code: "device_not_found", message: "There is no such device." });
  return device;
}
