import { isIP } from "node:net";
import { tunnelRequestCapability, type AskedTunnel, type AskedTunnelAnswer } from "@rciots/protocol";
import { AppError, createBackoff, errorMessage, isAppError, sleep, type Logger } from "@rciots/runtime";
import type { Caller } from "../channel/report-outbox.ts";
import type { AllowList } from "./allow-list.ts";
import { ownAddress } from "./tcp-target.ts";
import { describeRequest } from "./tunnel-request.ts";

/** What became of a tunnel that the device wants; `unknown` until the platform has said something. */
export interface TunnelRequestStatus {
  readonly tunnel: AskedTunnel;
  readonly state: AskedTunnelAnswer["state"] | "unknown";
  /** Of the platform. */
  readonly port?: number | undefined;
  readonly code?: string | undefined;
  readonly message?: string | undefined;
}

export interface TunnelRequests {
  /** What hello says of them. */
  readonly capabilities: readonly string[];
  /** Asks the platform for all of them, and again for what it could not have. */
  attach(session: Caller): void;
  detach(): void;
  /** The platform would answer otherwise now. */
  changed(): void;
  status(): readonly TunnelRequestStatus[];
}

/** The same again would be refused again. */
const lastingRefusals = ["invalid_payload", "unknown_event"];
/** Between two tries for what was refused: somebody may have closed another tunnel. */
const refusedMs = { min: 60_000, max: 900_000 };
const faultMs = { min: 1_000, max: 30_000 };
/** With all of them open; the platform says when something changes. */
const settledMs = 86_400_000;
/** A whole fleet is told at once. */
const changedSpreadMs = 1_000;

/** Keeps the platform told of the tunnels that this device wants; the platform decides, and keeps them. */
export function createTunnelRequests(options: {
  tunnels: readonly AskedTunnel[];
  /** Undefined where the device takes no tunnels at all. */
  allowList: AllowList | undefined;
  logger: Logger;
  /** 0 to 1. */
  random?: () => number;
}): TunnelRequests {
  const { tunnels, allowList, logger, random = Math.random } = options;
  let statuses: TunnelRequestStatus[] = tunnels.map((tunnel) => ownRefusal(tunnel, allowList));
  const wanted = statuses.filter(({ state }) => state === "unknown").map(({ tunnel }) => tunnel);
  let asking: AbortController | undefined;
  let news = new AbortController();

  for (const status of statuses) if (status.state === "refused") tell(status, logger);

  function take(answers: readonly AskedTunnelAnswer[]): void {
    if (answers.length !== wanted.length)
      throw new AppError({
        code: "bad_answer",
        status: 502,
        message: `The platform answered ${answers.length} of ${wanted.length} tunnels.`,
      });
    const answerOf = new Map(wanted.map((tunnel, index) => [tunnel, answers[index]]));
    statuses = statuses.map((before) => {
      const answer = answerOf.get(before.tunnel);
      if (answer === undefined) return before;
      const { state, port, code, message } = answer;
      const after = { tunnel: before.tunnel, state, port, code, message };
      if (sentenceOf(after) !== sentenceOf(before)) tell(after, logger);
      return after;
    });
  }

  const isSettled = (): boolean =>
    statuses.every(({ tunnel, state }) => state === "open" || !wanted.includes(tunnel));

  async function keepAsking(session: Caller, signal: AbortSignal): Promise<void> {
    const refused = createBackoff({ minMs: refusedMs.min, maxMs: refusedMs.max, random });
    const faults = createBackoff({ minMs: faultMs.min, maxMs: faultMs.max, random });
    while (!signal.aborted) {
      news = new AbortController();
      const told = news.signal;
      let pauseMs: number;
      try {
        const { tunnels: answers } = await session.call("tunnels:ask", { tunnels: wanted });
        // Another session may be asking already.
        if (signal.aborted) return;
        take(answers);
        faults.reset();
        pauseMs = isSettled() ? settledMs : Math.max(refusedMs.min / 2, refused.next());
      } catch (error) {
        if (signal.aborted) return;
        if (isAppError(error) && lastingRefusals.includes(error.code)) return explain(error);
        logger.warn({ error: errorMessage(error) }, "the platform could not be asked for tunnels yet");
        pauseMs = pauseOf(error) ?? Math.max(faults.next(), 100);
      }
      await sleep(pauseMs, AbortSignal.any([told, signal]));
      if (told.aborted) await sleep(random() * changedSpreadMs, signal);
    }
  }

  function explain(error: AppError): void {
    const isOld = error.code === "unknown_event";
    const reason = isOld ? "it is too old for that" : error.message;
    logger.warn({ code: error.code }, `the platform takes no tunnels that devices ask for: ${reason}`);
  }

  return {
    capabilities: [tunnelRequestCapability],
    attach(session) {
      this.detach();
      asking = new AbortController();
      void keepAsking(session, asking.signal);
    },
    detach() {
      asking?.abort();
      asking = undefined;
    },
    changed: () => news.abort(),
    status: () => statuses,
  };
}

/** A name is checked when it is resolved, at each connection. */
function ownRefusal(tunnel: AskedTunnel, allowList: AllowList | undefined): TunnelRequestStatus {
  const { host, port } = tunnel.target;
  const isKnown = isIP(host) !== 0;
  if (allowList?.isOpen === true && (!isKnown || allowList.allows(ownAddress(host), port)))
    return { tunnel, state: "unknown" };
  const message = "This device's own list doesn't allow it (--tunnel-allow).";
  return { tunnel, state: "refused", code: "target_not_allowed", message };
}

function sentenceOf({ tunnel, state, port, message = "" }: TunnelRequestStatus): string {
  const what = `the tunnel ${describeRequest(tunnel)}`;
  switch (state) {
    case "open":
      return `${what} is open on port ${port} of the platform`;
    case "opening":
      return `${what} will be open on port ${port} of the platform`;
    case "failed":
      return `${what} is not open, the platform tries again: ${message}`;
    case "refused":
      return `${what} was refused: ${message}`;
    case "unknown":
      return `${what} was not asked for yet`;
  }
}

function tell(status: TunnelRequestStatus, logger: Logger): void {
  const { state, port, code } = status;
  const isGood = state === "open" || state === "opening";
  logger[isGood ? "info" : "warn"]({ port, code }, sentenceOf(status));
}

function pauseOf(error: unknown): number | undefined {
  const named = isAppError(error) ? error.details?.["retryAfterMs"] : undefined;
  return typeof named === "number" ? named : undefined;
}
