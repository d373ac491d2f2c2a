import { createHash } from "node:crypto";
import { errorMessage, type Logger, sleep } from "@rciots/runtime";
import type { RevisionReport, RevisionState } from "./revision.ts";

export interface ReporterOptions {
  readonly onReport: (report: RevisionReport) => void;
  /** The present state of things; undefined while there is nothing to tell. */
  readonly snapshot: () => RevisionReport | undefined;
  /** Least time between two reports. */
  readonly minIntervalMs: number;
  /** Least time between two that differ only in their objects. */
  readonly objectsIntervalMs: number;
  readonly logger: Logger;
}

export interface Reporter {
  /** Details of objects may have changed. Cheap: call it as often as you like. */
  touch(): void;
  /** The state may have changed. */
  mark(): void;
  /** A state that is over before the next snapshot but must be told. */
  tell(report: RevisionReport): void;
  /** Tells all that is still to be told, without waiting. */
  stop(): Promise<void>;
}

const finalStates: readonly RevisionState[] = ["healthy", "degraded", "failed", "rolled_back"];

/** Only ends a pause; the default reason is an exception with a stack. */
const settled = "settled";

/**
 * Sends reports when they differ from the last. Changes that follow one another closely are told as one,
 * except that the arrival at a final state is always told by itself.
 */
export function createReporter(options: ReporterOptions): Reporter {
  const { minIntervalMs, objectsIntervalMs, snapshot, logger } = options;
  const stopping = new AbortController();
  const finals: RevisionReport[] = [];
  let seenHeadline = "";
  let sentHeadline = "";
  let sentDigest = "";
  let running: Promise<void> | undefined;
  let touched = false;
  let settling = new AbortController();

  const send = (report: RevisionReport): void => {
    const digest = digestOf(report);
    if (digest === sentDigest) return;
    sentDigest = digest;
    sentHeadline = headlineOf(report);
    try {
      options.onReport(report);
    } catch (error) {
      logger.error({ error: errorMessage(error) }, "a report could not be passed on");
    }
  };

  /** Sends the next report that is due. */
  const step = (): void => {
    const final = finals.shift();
    if (final) return send(final);
    touched = false;
    const report = snapshot();
    if (report) send(report);
  };

  const run = async (): Promise<void> => {
    // What is over within a moment is told once, as what came of it: half the reports of a quick revision.
    settling = new AbortController();
    if (finals.length === 0) await sleep(minIntervalMs, settling.signal);
    while (!stopping.signal.aborted && (touched || finals.length > 0)) {
      step();
      await sleep(minIntervalMs, stopping.signal);
      // Object details alone can wait a little longer; a change of state ends the wait.
      let waitedMs = minIntervalMs;
      while (
        touched &&
        finals.length === 0 &&
        waitedMs < objectsIntervalMs &&
        seenHeadline === sentHeadline
      ) {
        await sleep(minIntervalMs, stopping.signal);
        waitedMs += minIntervalMs;
        if (stopping.signal.aborted) return;
      }
    }
  };

  const wake = (): void => {
    if (stopping.signal.aborted) return;
    running ??= run().finally(() => {
      running = undefined;
      // Touched between the last look and here.
      if (touched || finals.length > 0) wake();
    });
  };

  const tell = (report: RevisionReport): void => {
    seenHeadline = headlineOf(report);
    finals.push(report);
    settling.abort(settled);
    wake();
  };

  return {
    tell,
    touch() {
      touched = true;
      wake();
    },
    mark() {
      touched = true;
      const report = snapshot();
      if (report && headlineOf(report) !== seenHeadline) {
        if (finalStates.includes(report.state)) return tell(report);
        seenHeadline = headlineOf(report);
      }
      wake();
    },
    async stop() {
      stopping.abort();
      settling.abort(settled);
      await running;
      while (finals.length > 0 || touched) step();
    },
  };
}

const headlineOf = ({ revision, state, finishedAt }: RevisionReport): string =>
  `${revision} ${state} ${finishedAt ?? ""}`;

const digestOf = (report: RevisionReport): string =>
  createHash("sha256").update(JSON.stringify(report)).digest("base64url");
