import type { Models, PlatformValue } from "../models.ts";
import { isDuplicateKey } from "./leases.repository.ts";

/** Values that the whole platform shares. */
export function createPlatformValueRepository({ platformValues }: Models) {
  async function get(name: string): Promise<string | undefined> {
    return (await platformValues.findOne({ _id: name }).lean<PlatformValue>())?.value;
  }
  return {
    get,

    /** Stores `make()` unless a value is there; every caller, on every replica, gets the same one. */
    async getOrCreate(name: string, make: () => string): Promise<string> {
      const known = await get(name);
      if (known !== undefined) return known;
      try {
        const value = make();
        await platformValues.create({ _id: name, value, updatedAt: new Date() });
        return value;
      } catch (error) {
        if (!isDuplicateKey(error)) throw error;
        return (await get(name)) ?? "";
      }
    },

    async set(name: string, value: string): Promise<void> {
      await platformValues.updateOne(
        { _id: name },
        { $set: { value, updatedAt: new Date() } },
        { upsert: true },
      );
    },
  };
}
