import { createLoop, type Logger, type Loop } from "@rciots/runtime";
import type { Store } from "@rciots/store";

export interface ProcessLease {
  loop: Loop;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** `ok` while the store takes writes. */
  check(): string;
}

const leaseMs = 15_000;
const renewMs = 5_000;

/** Says in the store that a process lives; and so whether the store takes writes. */
export function createProcessLease(options: {
  store: Pick<Store, "leases">;
  /** Such as `frontend:`. */
  prefix: string;
  processId: string;
  logger: Logger;
}): ProcessLease {
  const { store, prefix, processId, logger } = options;
  const name = `${prefix}${processId}`;

  async function claim(): Promise<void> {
    if (!(await store.leases.claim(name, processId, leaseMs))) throw new Error(`${name} is taken.`);
  }

  /** Of processes that died: nothing of theirs has to be put right. */
  async function forgetDead(): Promise<void> {
    for (const dead of await store.leases.expired(prefix)) {
      if (await store.leases.claim(dead, processId, leaseMs)) await store.leases.release(dead, processId);
    }
  }

  const loop = createLoop({
    name: `${prefix}lease`,
    intervalMs: renewMs,
    logger,
    async step() {
      await claim();
      await forgetDead();
    },
  });

  return {
    loop,
    async start() {
      await claim();
      loop.start();
    },
    async stop() {
      await loop.stop();
      await store.leases.release(name, processId);
    },
    check: () => (Math.min(loop.ageMs(), performance.now()) < leaseMs ? "ok" : "the store takes no writes"),
  };
}
