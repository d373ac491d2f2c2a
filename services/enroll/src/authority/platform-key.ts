import { createHmac, randomBytes } from "node:crypto";
import { AppError, type Vault } from "@rciots/runtime";
import type { Store } from "@rciots/store";

export type CaVault = Pick<Vault, "seal" | "open" | "rewrap" | "isCurrent">;

/** Makes the device token of a device, always the same. */
export type DeviceTokens = (deviceId: string) => string;

const valueName = "enroll/device-token-key";
const aad = "rciots:enroll:device-token-key";

export function wrongCaKey(cause: unknown): AppError {
  return new AppError({
    code: "ca_key_wrong",
    status: 500,
    message:
      "The CA key (RCIOTS_CA_KEY) is not the one this platform's certificate authority was created with; set the former key, or both while it changes.",
    cause,
  });
}

/**
 * Opens, or makes on the very first start, the key that device tokens are derived from. It is sealed by the CA
 * vault, so a wrong CA key shows here, before anything is issued.
 *
 * Device tokens are derived and not random: a repeated enrolment returns the token of the lost answer, however
 * many repetitions run at once, and no answer can make another one's token void.
 * @throws AppError `ca_key_wrong`
 */
export async function loadDeviceTokens(store: Store, caVault: CaVault): Promise<DeviceTokens> {
  const sealed = await store.platformValues.getOrCreate(valueName, () => caVault.seal(randomBytes(32), aad));
  const key = open(caVault, sealed);
  if (!caVault.isCurrent(sealed)) await store.platformValues.set(valueName, caVault.rewrap(sealed, aad));
  return (deviceId) => `rcd_${createHmac("sha256", key).update(deviceId, "utf8").digest("base64url")}`;
}

function open(caVault: CaVault, sealed: string): Buffer {
  try {
    return caVault.open(sealed, aad);
  } catch (error) {
    throw wrongCaKey(error);
  }
}
