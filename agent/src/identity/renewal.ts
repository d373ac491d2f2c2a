import type { DeviceEvent, DeviceRequest, DeviceResponse } from "@rciots/protocol";
import { createBackoff, errorMessage, isAppError, sleep, type Logger } from "@rciots/runtime";
import { certificateLife, renewalTime } from "./certificate-life.ts";
import type { IdentityKeeper } from "./identity-keeper.ts";
import type { PlatformClock } from "./platform-clock.ts";

interface Caller {
  call<Event extends DeviceEvent>(
    event: Event,
    payload: DeviceRequest<Event>,
  ): Promise<DeviceResponse<Event>>;
}

export interface Renewal {
  /** Renews over this session when it is time, now or later. */
  attach(session: Caller): void;
  detach(): void;
  /** The certificate was replaced by other means: look at its dates again. */
  reschedule(): void;
  /** The platform wants a new certificate now; a fleet that is told so spreads over half a minute. */
  renewSoon(): void;
  stop(): Promise<void>;
}

/** setTimeout holds no more than 2^31 ms; and a clock that was set meanwhile is noticed this soon. */
const longestPauseMs = 6 * 3_600_000;
const soonSpreadMs = 30_000;

/** Keeps the certificate young: a new key and certificate at two thirds of its life, over the channel. */
export function createRenewal(options: {
  keeper: Pick<IdentityKeeper, "current" | "renew">;
  clock: Pick<PlatformClock, "now">;
  logger: Logger;
  random?: () => number;
  /** Between tries. */
  retry?: { minMs: number; maxMs: number };
}): Renewal {
  const { keeper, clock, logger, random = Math.random } = options;
  const backoff = createBackoff({ ...(options.retry ?? { minMs: 30_000, maxMs: 3_600_000 }), random });
  const stopping = new AbortController();
  let wake = new AbortController();
  let caller: Caller | undefined;
  let running: Promise<void> | undefined;
  /** By the platform's clock; undefined before the certificate was looked at. */
  let dueAt: number | undefined;

  async function renew(session: Caller): Promise<void> {
    try {
      const identity = await keeper.renew((csr) => session.call("certificate:renew", { csr }));
      backoff.reset();
      const { notAfter } = certificateLife(identity.certificateChain);
      // From now on, not from `notBefore`: a short life that was back-dated would be due at once, for ever.
      dueAt = renewalTime({ notBefore: clock.now(), notAfter }, random());
      logger.info({ notAfter: new Date(notAfter).toISOString() }, "renewed the certificate");
    } catch (error) {
      const named = isAppError(error) ? error.details?.["retryAfterMs"] : undefined;
      dueAt = clock.now() + Math.max(backoff.next(), typeof named === "number" ? named : 1_000);
      logger.warn({ error: errorMessage(error) }, "the certificate could not be renewed yet");
    }
  }

  function dueTime(): number {
    const chain = keeper.current()?.certificateChain;
    if (chain === undefined) return Number.POSITIVE_INFINITY;
    return (dueAt ??= renewalTime(certificateLife(chain), random()));
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      const session = caller;
      const pauseMs = session === undefined ? longestPauseMs : dueTime() - clock.now();
      if (session !== undefined && pauseMs <= 0) {
        await renew(session);
        continue;
      }
      wake = new AbortController();
      await sleep(Math.min(pauseMs, longestPauseMs), AbortSignal.any([wake.signal, stopping.signal]));
    }
  }

  return {
    attach(session) {
      caller = session;
      running ??= run();
      wake.abort();
    },
    detach() {
      caller = undefined;
    },
    reschedule() {
      dueAt = undefined;
      wake.abort();
    },
    renewSoon() {
      dueAt = Math.min(dueTime(), clock.now() + random() * soonSpreadMs);
      wake.abort();
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
