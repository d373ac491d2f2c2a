/**
 * How many bytes of data a session may have under way: sent, and not yet known to have arrived. Bounded by twice what
 * the path carries in its round trip and a little queue, so that a control message behind them waits no longer
 * than that, however deep the buffers between are. The measures are those of BBR: the highest rate at which bytes
 * arrived lately, and the shortest round trip. Twice, because after a lost packet everything behind it arrives a round
 * trip late: with less under way, a path that loses one packet in a hundred would come to a crawl.
 */
export interface InFlight {
  /** Bytes that may be sent now. */
  room(): number;
  sent(bytes: number): void;
  /** The peer has received so many bytes more. False: more than were ever sent. */
  received(bytes: number): boolean;
  readonly limitBytes: number;
}

/** The standing queue aimed at. */
const queueMs = 25;
const minBytes = 131_072;
const firstBytes = 524_288;
const maxBytes = 8 * 1_048_576;
/** At most, in a round trip. */
const growth = 1.5;
const easing = 1.1;
/** Round trips' worth that may be under way. */
const roundTrips = 2;
/** The highest rate counts for so many measurements. */
const rateLife = 8;
/** A queue stands where each of so many round trips took longer than the path does; a lost packet makes some long. */
const queueLife = 5;
const queueRoundTrips = 1.25;
const queueSlackMs = 10;
/**
 * The shortest round trip is taken anew after this long, since the path may have changed; with little under way for
 * that moment, since a queue would make it look longer.
 */
const roundTripLifeMs = 10_000;

interface Probe {
  at: number;
  /** Of the running totals, when it was sent: it has arrived when `arrived` gets to `sent`. */
  sent: number;
  arrived: number;
  wasLimited: boolean;
}

/** `now`: milliseconds of a clock that never goes back. */
export function createInFlight(now: () => number): InFlight {
  let sentTotal = 0;
  let arrivedTotal = 0;
  let limitBytes = firstBytes;
  let probe: Probe | undefined;
  let shortestMs = Number.POSITIVE_INFINITY;
  let shortestAt = now();
  let isProbingPath = false;
  let rates: number[] = [];
  let roundTripsMs: number[] = [];
  let elapsedBeforeMs = 0;

  const underWay = (): number => sentTotal - arrivedTotal;
  const limit = (): number => (isProbingPath ? minBytes : limitBytes);

  const hasQueue = (): boolean =>
    roundTripsMs.length >= queueLife &&
    Math.min(...roundTripsMs) > queueRoundTrips * shortestMs + queueSlackMs;

  function noteRoundTrip(elapsedMs: number, at: number): void {
    if (elapsedMs <= shortestMs || isProbingPath) [shortestMs, shortestAt] = [elapsedMs, at];
    isProbingPath = at - shortestAt > roundTripLifeMs;
  }

  const startProbe = (wasLimited: boolean): Probe => ({
    at: now(),
    sent: sentTotal,
    arrived: arrivedTotal,
    wasLimited,
  });

  function finish({ at, arrived, wasLimited }: Probe): void {
    const end = now();
    const elapsedMs = Math.max(end - at, 0.05);
    noteRoundTrip(elapsedMs, end);
    // What waited behind a lost packet arrives all at once: it was sent over the time of the probe before, too.
    const bytesPerMs = (arrivedTotal - arrived) / Math.max(elapsedMs, elapsedBeforeMs);
    elapsedBeforeMs = wasLimited ? elapsedMs : 0;
    // A sender that had nothing more to say shows nothing of what the path could carry.
    if (!wasLimited || isProbingPath) return;
    rates = [...rates.slice(1 - rateLife), bytesPerMs];
    roundTripsMs = [...roundTripsMs.slice(1 - queueLife), elapsedMs];
    const carried = Math.max(...rates) * (roundTrips * shortestMs + queueMs);
    // Where no queue stands, this bound is what keeps the rate down: measured within it, it would never be lifted.
    const wanted = hasQueue() ? carried : Math.max(carried, limitBytes * easing);
    limitBytes = Math.round(Math.min(maxBytes, Math.max(minBytes, Math.min(wanted, limitBytes * growth))));
  }

  return {
    room() {
      const room = limit() - underWay();
      // Measured from the moment on that it is limited: what was sent before says nothing of the path.
      if (room <= 0 && probe?.wasLimited === false) probe = startProbe(true);
      return room;
    },
    sent(bytes) {
      sentTotal += bytes;
      probe ??= startProbe(false);
    },
    received(bytes) {
      arrivedTotal += bytes;
      if (arrivedTotal > sentTotal) return false;
      if (probe !== undefined && arrivedTotal >= probe.sent) {
        finish(probe);
        probe = undefined;
      }
      return true;
    },
    get limitBytes() {
      return limit();
    },
  };
}
