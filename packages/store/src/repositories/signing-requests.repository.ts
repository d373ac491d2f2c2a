import type { Models, SigningRequest } from "../models.ts";

/** Certificates that other processes ask enrolment for. */
export function createSigningRequestRepository({ signingRequests }: Models) {
  return {
    async insert(request: SigningRequest): Promise<void> {
      await signingRequests.insertMany([request]);
    },

    /** For one caller, once; undefined where it was taken, withdrawn or is too old. */
    async take(id: string): Promise<SigningRequest | undefined> {
      return (await signingRequests.findOneAndDelete({ _id: id }).lean<SigningRequest>()) ?? undefined;
    },
  };
}
