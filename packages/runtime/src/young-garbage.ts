import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Collects what was allocated last: fast, because nearly all of it is garbage by then. */
type CollectYoung = (options: { type: "minor" }) => void;

/**
 * Keeps the buffers of bytes that only pass through from piling up. V8 sees the few hundred bytes of each Buffer, not
 * the 16 to 64 KiB behind it, so it collects the young ones late; meanwhile they count towards the limit at which
 * the whole heap is marked, again and again (docs/decisions/0028). Asking for a young collection now and then costs
 * a fraction of that.
 */
export interface YoungGarbage {
  /** So many bytes of buffers have become garbage, or soon will. */
  note(bytes: number): void;
}

const collectEveryBytes = 4 * 1_048_576;

export function createYoungGarbage(everyBytes: number = collectEveryBytes): YoungGarbage {
  let noted = 0;
  let collect: CollectYoung | undefined;

  /** Without a word on the command line. */
  function findCollector(): CollectYoung {
    setFlagsFromString("--expose-gc");
    return runInNewContext("gc") as CollectYoung;
  }

  return {
    note(bytes) {
      noted += bytes;
      if (noted < everyBytes) return;
      noted = 0;
      collect ??= findCollector();
      collect({ type: "minor" });
    },
  };
}
