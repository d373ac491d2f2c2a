import { isAppError, sleep, type BusCalls, type CallBus } from "@rciots/runtime";
import type { Store } from "@rciots/store";

type Request = BusCalls["tunnel:sync"]["request"];
type Answer = BusCalls["tunnel:sync"]["response"];

/** Where a connector can't be asked; its loop finds what it was not told. */
export const busUnreachable = ["bus_unserved", "bus_timeout", "bus_busy"];
/** It is gone, or listens for no tunnels: it will not say anything else in a moment. */
const partless = ["bus_unserved", "tunnels_off"];

const firstAnswerMs = 20_000;
/** For the others after the first: one that hangs must not keep people waiting. */
const furtherAnswersMs = 2_000;

/** Failed only where all say so: one that has not answered yet may listen. */
function together(answers: readonly Answer[], isComplete: boolean): Answer {
  const closed = answers.find(({ state }) => state === "closed");
  if (closed !== undefined) return closed;
  const listening = answers.find(({ state }) => state === "open" || state === "standby");
  if (listening !== undefined) return { state: "open", message: null };
  const failed = answers.find(({ state }) => state === "failed");
  const isFailed = isComplete && answers.every(({ state }) => state === "failed");
  return failed !== undefined && isFailed ? failed : { state: "waiting", message: null };
}

/**
 * Has every connector make what it listens for match the store. Undefined where none answers. Rejects where none can
 * do it: with `tunnels_off` (409), or a connector's own fault.
 */
export function createTunnelSync(options: {
  store: Pick<Store, "leases">;
  bus: Pick<CallBus, "call">;
}): (request: Request) => Promise<Answer | undefined> {
  const { store, bus } = options;

  return async (request) => {
    const connectors = await store.leases.connectors();
    const answers: Answer[] = [];
    const faults: unknown[] = [];
    let unheard = connectors.length;
    const heard = new AbortController();
    const done = new AbortController();

    async function ask(connectorId: string): Promise<void> {
      try {
        answers.push(await bus.call("tunnel:sync", connectorId, request, { timeoutMs: firstAnswerMs }));
        unheard -= 1;
        heard.abort();
      } catch (error) {
        const code = isAppError(error) ? error.code : "";
        if (partless.includes(code)) unheard -= 1;
        if (!busUnreachable.includes(code)) faults.push(error);
      }
    }

    async function patience(): Promise<void> {
      await sleep(firstAnswerMs, AbortSignal.any([heard.signal, done.signal]));
      await sleep(furtherAnswersMs, done.signal);
    }

    await Promise.race([Promise.all(connectors.map(ask)), patience()]);
    done.abort();
    if (answers.length > 0) return together(answers, unheard === 0);
    if (faults.length > 0) throw faults[0];
    return undefined;
  };
}
