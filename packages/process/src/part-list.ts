import { stopInOrder, type Logger, type Stoppable } from "@rciots/runtime";

/** What runs in a process. Last started, first stopped: the store outlives everything that writes to it. */
export interface PartList {
  add(part: Stoppable): void;
  /** Under one timeout, whatever of them fails. */
  stop(): Promise<void>;
}

export function createPartList(options: { timeoutMs: number; logger: Logger }): PartList {
  const parts: Stoppable[] = [];
  return {
    add: (part) => void parts.push(part),
    async stop() {
      await stopInOrder(parts.splice(0).reverse(), options);
    },
  };
}
