/** The platform's time as far as this device knows it; its own clock may be years off. */
export interface PlatformClock {
  /** Milliseconds since the epoch by the device's own clock. */
  localNow(): number;
  /** ... and by the platform's, as last learned; the same as `localNow` before that. */
  now(): number;
  /** `serverTime` arrived in answer to a request that left at `sentAt` (local). Nonsense is ignored. */
  learn(serverTime: number, sentAt: number): void;
  /** How far the device is ahead; undefined before the first answer. */
  offsetMs(): number | undefined;
  /** A sentence for people where the clock is off by more than a minute. */
  describeError(): string | undefined;
}

const worthSayingMs = 60_000;

export function createPlatformClock({
  localNow = Date.now,
  onOffset = () => undefined,
}: {
  localNow?: () => number;
  /** Called where the offset is worth a word and has changed by more than that. */
  onOffset?: (offsetMs: number) => void;
} = {}): PlatformClock {
  let offsetMs: number | undefined;
  let saidMs = 0;
  return {
    localNow,
    now: () => localNow() - (offsetMs ?? 0),
    learn(serverTime, sentAt) {
      const receivedAt = localNow();
      if (!Number.isFinite(serverTime) || receivedAt < sentAt) return;
      offsetMs = Math.round((sentAt + receivedAt) / 2 - serverTime);
      if (Math.abs(offsetMs - saidMs) < worthSayingMs) return;
      saidMs = offsetMs;
      onOffset(offsetMs);
    },
    offsetMs: () => offsetMs,
    describeError() {
      if (offsetMs === undefined || Math.abs(offsetMs) < worthSayingMs) return undefined;
      const direction = offsetMs > 0 ? "ahead of" : "behind";
      return `This device's clock is ${describeSpan(Math.abs(offsetMs))} ${direction} the platform's, so that certificates look out of date to it. Set the clock, or switch NTP on.`;
    },
  };
}

function describeSpan(spanMs: number): string {
  const minutes = spanMs / 60_000;
  if (minutes < 120) return `${Math.round(minutes)} minutes`;
  const hours = minutes / 60;
  return hours < 48 ? `${Math.round(hours)} hours` : `${Math.round(hours / 24)} days`;
}
