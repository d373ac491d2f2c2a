import { conflict, newId, sleep } from "@rciots/runtime";
import type { Store } from "@rciots/store";

/** Far above what the work takes: it ends the claim of a replica that died. */
const leaseMs = 15_000;
const maxAttempts = 40;

export type Exclusively = <Result>(name: string, work: () => Promise<Result>) => Promise<Result>;

/**
 * Does work that depends on several documents one at a time for each name, on whichever replica. Throws 409 where
 * others don't make way within about two seconds.
 */
export function createExclusive({ store }: { store: Pick<Store, "leases"> }): Exclusively {
  return async (name, work) => {
    const holder = newId("run");
    for (let attempt = 1; attempt <= maxAttempts; attempt += 1) {
      if (await store.leases.claim(name, holder, leaseMs)) {
        try {
          return await work();
        } finally {
          await store.leases.release(name, holder);
        }
      }
      await sleep(20 + Math.random() * 60);
    }
    throw conflict({ code: "too_much_contention", message: "Others keep changing it; try again." });
  };
}
