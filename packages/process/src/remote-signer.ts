import {
  AppError,
  errorMessage,
  isAppError,
  newId,
  type BusCalls,
  type CallBus,
  type CertificateRenewer,
  type Logger,
} from "@rciots/runtime";
import type { SigningRequest, Store } from "@rciots/store";

type Signed = BusCalls["certificate:sign"]["response"];
export type SigningWish = Pick<SigningRequest, "kind" | "csr"> & Partial<SigningRequest>;

export interface RemoteSigner {
  /**
   * Has a process that enrols sign a request. Rejects with that process's AppError, and with `enroll_unavailable`
   * (503) where none answers.
   */
  sign(wish: SigningWish): Promise<Signed>;
  /** Of connected devices. */
  renewer: CertificateRenewer;
}

/** Processes that enrol are found by these leases; the rest of the name is the address of their calls. */
export const enrollLeasePrefix = "enroll:";

const timeoutMs = 15_000;
/** The process is not there, or not to be reached: another one may be. */
const goOnCodes = ["bus_unserved", "bus_timeout", "bus_busy", "bus_unavailable", "signing_request_not_found"];

function unavailable(cause?: unknown): AppError {
  const message = "Enrolment can't be reached now, so no certificate can be issued; try again in a moment.";
  return new AppError({
    code: "enroll_unavailable",
    status: 503,
    message,
    details: { retryAfterMs: 5_000 },
    cause,
  });
}

function inRandomOrder<T>(values: T[]): T[] {
  return values
    .map((value) => ({ value, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ value }) => value);
}

/** Certificates for a process that holds no CA keys, from whichever process that enrols is alive. */
export function createRemoteSigner(options: {
  store: Pick<Store, "signingRequests" | "leases">;
  bus: CallBus;
  logger: Logger;
}): RemoteSigner {
  const { store, bus, logger } = options;

  /** What is to be signed lies in the store; the call names it and nothing else. */
  async function ask(address: string, wish: SigningWish): Promise<Signed> {
    const requestId = newId("sig");
    const nobody = { organizationId: null, deviceId: null, names: [] };
    await store.signingRequests.insert({ ...nobody, ...wish, _id: requestId, createdAt: new Date() });
    try {
      return await bus.call("certificate:sign", address, { requestId }, { timeoutMs });
    } catch (error) {
      await store.signingRequests.take(requestId);
      throw error;
    }
  }

  async function sign(wish: SigningWish): Promise<Signed> {
    const alive = (await store.leases.active(enrollLeasePrefix)).map((name) =>
      name.slice(enrollLeasePrefix.length),
    );
    let last: unknown;
    for (const address of inRandomOrder(alive)) {
      try {
        return await ask(address, wish);
      } catch (error) {
        if (!isAppError(error) || !goOnCodes.includes(error.code)) throw error;
        logger.warn({ enroll: address, error: errorMessage(error) }, "enrolment could not be asked");
        last = error;
      }
    }
    throw unavailable(last);
  }

  return {
    sign,
    renewer: {
      async renew({ organizationId, deviceId, csr }) {
        const { notAfter, ...rest } = await sign({ kind: "device", organizationId, deviceId, csr });
        return { ...rest, notAfter: new Date(notAfter) };
      },
    },
  };
}
