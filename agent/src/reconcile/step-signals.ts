import { sleep } from "@rciots/runtime";
import type { ApplySignals } from "./applier.ts";

export interface StepSignals extends ApplySignals {
  /** No further object is begun; requests in flight get a while to finish. */
  cancel(): void;
  readonly cancelled: AbortSignal;
  /** The step is over: nothing is left to cut off. */
  end(): void;
}

/** A request in flight when a newer revision arrives, or the agent stops, gets this long to finish. */
const graceMs = 5_000;

/** The two ways in which one step is told to end: at the next object, and at once. */
export function createStepSignals(): StepSignals {
  const cancelling = new AbortController();
  const aborting = new AbortController();
  const ended = new AbortController();
  return {
    cancelled: cancelling.signal,
    abort: aborting.signal,
    cancel() {
      if (cancelling.signal.aborted) return;
      cancelling.abort();
      void sleep(graceMs, ended.signal).then(() => {
        if (!ended.signal.aborted) aborting.abort();
      });
    },
    // Nobody is told why: the default reason is an exception with a stack, one for each step.
    end: () => ended.abort("ended"),
  };
}
