import type { Models, SecondFactor } from "../models.ts";

/** The second factor of a user. Each change is one write that says what it expects, so that no code counts twice. */
export function createSecondFactorRepository({ users }: Models) {
  return {
    /** Replaces one that was begun and not confirmed. False: there is a confirmed one, or no such user. */
    async begin(userId: string, sealedSecret: string): Promise<boolean> {
      const secondFactor: SecondFactor = {
        sealedSecret,
        confirmedAt: null,
        lastStep: 0,
        recoveryCodeHashes: [],
      };
      const changed = await users.updateOne(
        { _id: userId, "secondFactor.confirmedAt": null },
        { $set: { secondFactor } },
      );
      return changed.matchedCount === 1;
    },

    /** False: it was begun anew, or confirmed, since it was read. */
    async confirm(
      userId: string,
      proof: { sealedSecret: string; step: number; recoveryCodeHashes: string[]; now: Date },
    ): Promise<boolean> {
      const { sealedSecret, step, recoveryCodeHashes, now } = proof;
      const secondFactor: SecondFactor = {
        sealedSecret,
        confirmedAt: now,
        lastStep: step,
        recoveryCodeHashes,
      };
      const changed = await users.updateOne(
        { _id: userId, "secondFactor.sealedSecret": sealedSecret, "secondFactor.confirmedAt": null },
        { $set: { secondFactor } },
      );
      return changed.matchedCount === 1;
    },

    /** Takes the code of a time step. False: it, or a later one, was taken before. */
    async takeStep(userId: string, sealedSecret: string, step: number): Promise<boolean> {
      const changed = await users.updateOne(
        { _id: userId, "secondFactor.sealedSecret": sealedSecret, "secondFactor.lastStep": { $lt: step } },
        { $set: { "secondFactor.lastStep": step } },
      );
      return changed.matchedCount === 1;
    },

    /** Takes a recovery code. False: there is none of this hash, or no longer. */
    async takeRecoveryCode(userId: string, hash: string): Promise<boolean> {
      const changed = await users.updateOne(
        { _id: userId, "secondFactor.recoveryCodeHashes": hash },
        { $pull: { "secondFactor.recoveryCodeHashes": hash } },
      );
      return changed.matchedCount === 1;
    },

    /** False: there is no confirmed second factor. */
    async replaceRecoveryCodes(userId: string, recoveryCodeHashes: string[]): Promise<boolean> {
      const changed = await users.updateOne(
        { _id: userId, "secondFactor.confirmedAt": { $gt: new Date(0) } },
        { $set: { "secondFactor.recoveryCodeHashes": recoveryCodeHashes } },
      );
      return changed.matchedCount === 1;
    },

    /** False: there was none that was confirmed. */
    async remove(userId: string): Promise<boolean> {
      const changed = await users.updateOne(
        { _id: userId, "secondFactor.confirmedAt": { $gt: new Date(0) } },
        { $set: { secondFactor: null } },
      );
      return changed.matchedCount === 1;
    },
  };
}
