import type { EnrollRequest } from "@rciots/protocol";
import type { Device, ProvisioningToken } from "@rciots/store";
import type { DeviceKey } from "./device-key.ts";

/** One call of `POST /v1/enroll`. */
export interface EnrollmentCall {
  token: ProvisioningToken;
  request: EnrollRequest;
  /** The client's network address. */
  address: string | null;
}

/** A call whose key is known and proven. */
export interface Attempt extends EnrollmentCall {
  key: DeviceKey;
  /** A decommissioned device that has the name now; its document stays, under another name. */
  supersedes?: Device;
}

/** The same token and the same key; the name was the way to the document. */
export const isSameDevice = ({ token, key }: Attempt, device: Device): boolean =>
  device.provisioningTokenId === token._id && device.publicKeyHash === key.publicKeyHash;
