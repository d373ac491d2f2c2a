export interface SerialQueue {
  /** Runs it when what was added before has ended, well or not. */
  add<Result>(work: () => Promise<Result>): Promise<Result>;
  /** As `add`, but those who ask before it begins share one run. */
  share(work: () => Promise<void>): Promise<void>;
}

/** One thing at a time, in order. */
export function createSerialQueue(): SerialQueue {
  let last: Promise<unknown> = Promise.resolve();
  let waiting: Promise<void> | undefined;

  function add<Result>(work: () => Promise<Result>): Promise<Result> {
    const run = last.then(work);
    last = run.catch(() => undefined);
    return run;
  }

  return {
    add,
    share(work) {
      waiting ??= add(() => {
        // From here on it is too late to share: what happens now may not be seen by it.
        waiting = undefined;
        return work();
      });
      return waiting;
    },
  };
}
