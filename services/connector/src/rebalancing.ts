import { createLoop, sleep, type Logger, type Loop } from "@rciots/runtime";
import type { ConnectorLoad, Store } from "@rciots/store";
import { queuedFrames } from "./dispatcher.ts";
import { createFairShare, type Verdict } from "./fair-share.ts";
import { leasePrefix } from "./presence.service.ts";
import { refusal, spread } from "./refusal.ts";
import { endSession } from "./session-ending.ts";
import type { SessionRegistry } from "./session-registry.ts";
import type { Session } from "./session.ts";
import type { ConnectorSettings } from "./settings.ts";

export interface Rebalancing {
  loop: Loop;
  /** Sessions sent to other connectors since the start. */
  moved(): number;
}

const retryMs = 50;
/** Within this long a device is back, wherever the load balancer sends it. */
const comeBackMs = 1_000;
const perSecondPart = 0.01;
const perSecondMin = 2;
const perSecondMax = 25;

const streamsOf = ({ streams }: Session): number => streams?.streams ?? 0;
/** Its own overload is no reason to keep what it has too much of. */
const maySend = ({ state }: ConnectorLoad): boolean => state === "ready" || state === "overloaded";

/** Nothing is under way that the device would have to do, or be asked, again. */
function isIdle(session: Session, quietSinceMs: number): boolean {
  const { state, calls, asked, offering, workedAt } = session;
  const isWorking = calls > 0 || asked > 0 || offering !== -1 || queuedFrames(session) > 0;
  return state === "live" && !isWorking && workedAt <= quietSinceMs;
}

/**
 * Of those that have nothing to do the ones that have been here longest, so that nobody is sent about twice while
 * others weren't once. Sessions that carry streams, or to which ports lead, only where there are no others.
 */
export function chooseMovers(
  sessions: Session[],
  count: number,
  { quietSinceMs, withPorts }: { quietSinceMs: number; withPorts: Set<string> },
): Session[] {
  const isFree = (session: Session): boolean =>
    streamsOf(session) === 0 && !withPorts.has(session.identity.deviceId);
  const free = sessions.filter(isFree);
  const pool = free.length > 0 ? free : [...sessions].sort((a, b) => streamsOf(a) - streamsOf(b));
  const movers: Session[] = [];
  for (const session of pool) {
    if (movers.length >= count) break;
    if (isIdle(session, quietSinceMs)) movers.push(session);
  }
  return movers;
}

/** Sends some of the sessions to other connectors, gently, where this one has clearly more than its share. */
export function createRebalancing(options: {
  store: Pick<Store, "leases">;
  registry: Pick<SessionRegistry, "size" | "all">;
  connectorId: string;
  /** Of this connector. */
  load: () => ConnectorLoad;
  /** Devices that tunnels here listen for. */
  tunnelled: () => Set<string>;
  settings: ConnectorSettings;
  logger: Logger;
  now: () => number;
}): Rebalancing {
  const { store, registry, connectorId, load, settings, logger, now } = options;
  const { rebalancePercent: percent, rebalanceMinSessions: minSessions } = settings;
  const fairShare = createFairShare({
    percent,
    minSessions,
    settleMs: settings.rebalanceSettleMs,
    now: () => performance.now(),
  });
  let moved = 0;

  function sendSome(count: number): void {
    const movers = chooseMovers(registry.all(), count, {
      quietSinceMs: now() - settings.rebalanceQuietMs,
      withPorts: options.tunnelled(),
    });
    for (const session of movers) {
      const reason = refusal("draining", "Another connector has more room.", spread(retryMs));
      endSession(session, reason, settings.cutGraceMs);
    }
    moved += movers.length;
    fairShare.sent(movers.length);
  }

  /** For as long as what the others said is worth something. */
  async function sendDownTo(downTo: number, signal: AbortSignal): Promise<void> {
    const mayPerSecond = Math.ceil(registry.size * perSecondPart);
    const perSecond = Math.min(perSecondMax, Math.max(perSecondMin, mayPerSecond));
    const until = performance.now() + settings.rebalanceIntervalMs;
    while (!signal.aborted && performance.now() < until && registry.size > downTo && maySend(load())) {
      sendSome(Math.min(perSecond, registry.size - downTo));
      await sleep(comeBackMs, signal);
    }
  }

  function tell(verdict: Verdict): void {
    if (verdict.kind === "send" && verdict.isNew) {
      const { share, downTo } = verdict;
      const numbers = { sessions: registry.size, share: Math.round(share), downTo };
      logger.info(numbers, "sessions are sent to other connectors, which have fewer");
    }
    if (verdict.kind === "balanced")
      logger.info(
        { sessions: registry.size, sent: verdict.sent },
        "connectors have even numbers of sessions",
      );
    if (verdict.kind === "given-up")
      logger.warn(
        { sessions: registry.size, sent: verdict.sent, restMs: verdict.restMs },
        "sessions that were sent away do not reach the connectors that have fewer: look at the load balancer",
      );
  }

  async function step(signal: AbortSignal): Promise<void> {
    const held = await store.leases.loads(leasePrefix);
    const others = held
      .map(({ name, load: said }) => ({ id: name.slice(leasePrefix.length), load: said }))
      .filter(({ id }) => id !== connectorId);
    if (!maySend(load())) return;
    const verdict = fairShare.judge(registry.size, others);
    tell(verdict);
    if (verdict.kind === "send") await sendDownTo(verdict.downTo, signal);
  }

  return {
    loop: createLoop({
      name: "connector-rebalancing",
      intervalMs: settings.rebalanceIntervalMs,
      step,
      logger,
    }),
    moved: () => moved,
  };
}
