import type { IdentityAnswer, PendingAnswer } from "@rciots/protocol";
import { createBatcher, isAppError } from "@rciots/runtime";
import type { Device, DeviceName, Store } from "@rciots/store";
import { busy, refuse } from "../refusals.ts";
import type { OrganizationAccess } from "./device-access.ts";
import { chooseDeviceKey } from "./device-key.ts";
import { isSameDevice, type Attempt, type EnrollmentCall } from "./enrollment-call.ts";
import type { KnownDevices } from "./known-device.ts";
import type { NewDevices } from "./new-device.ts";

export interface EnrollmentService {
  /** Throws AppErrors with the codes of the contract. */
  enroll(call: EnrollmentCall): Promise<IdentityAnswer | PendingAnswer>;
}

interface Holder {
  same?: Device;
  supersedes?: Device;
}

/** Lets devices in. What makes a repeated call harmless is described in docs/enrollment.md. */
export function createEnrollmentService(options: {
  store: Store;
  organizations: OrganizationAccess;
  knownDevices: KnownDevices;
  newDevices: NewDevices;
  allowServerKeys: boolean;
}): EnrollmentService {
  const { store, organizations, knownDevices, newDevices, allowServerKeys } = options;
  const names = createBatcher<DeviceName, Device | undefined>({
    maxSize: 200,
    run: (wanted) => store.deviceEnrollment.findByNames(wanted),
  });
  const findByName = ({ token, request }: Attempt): Promise<Device | undefined> =>
    names.add({ organizationId: token.organizationId, name: request.name });

  /** Who has the name: this very device, a decommissioned one, or nobody. Throws where another device has it. */
  async function findHolder(attempt: Attempt): Promise<Holder> {
    const holder = await findByName(attempt);
    if (holder === undefined) return {};
    if (isSameDevice(attempt, holder)) return { same: holder };
    if (holder.status !== "decommissioned") throw refuse("device_name_taken");
    return { supersedes: holder };
  }

  async function create(attempt: Attempt): Promise<IdentityAnswer | PendingAnswer> {
    try {
      const answer = await newDevices.create(attempt);
      if (answer !== undefined) return answer;
    } catch (error) {
      // The last use may have gone to a repetition of this call.
      if (!isAppError(error) || error.code !== "token_exhausted") throw error;
      const { same } = await findHolder(attempt);
      if (same === undefined) throw error;
      return knownDevices.repeat(attempt, same);
    }
    const { same } = await findHolder(attempt);
    if (same === undefined)
      throw busy("The device's name changed hands at the same moment; repeat the call.");
    return knownDevices.repeat(attempt, same);
  }

  return {
    async enroll(call) {
      const { request, token } = call;
      await organizations.requireActive(token.organizationId);
      const attempt = { ...call, key: chooseDeviceKey(request, allowServerKeys) };
      if (request.deviceId !== undefined || request.deviceToken !== undefined)
        return knownDevices.poll(attempt);
      const { same, supersedes } = await findHolder(attempt);
      if (same !== undefined) return knownDevices.repeat(attempt, same);
      return create(supersedes === undefined ? attempt : { ...attempt, supersedes });
    },
  };
}
