import type { ConnectorLoad } from "@rciots/store";

/** What another connector said of itself last; null: it says nothing, as one of before does. */
export interface Neighbour {
  id: string;
  load: ConnectorLoad | null;
}

export type Verdict =
  | { kind: "keep" }
  /** Sessions beyond `downTo` should go elsewhere. `isNew`: an effort begins with this one. */
  | { kind: "send"; downTo: number; share: number; isNew: boolean }
  /** An effort is over: nobody has clearly more or less than the others. */
  | { kind: "balanced"; sent: number }
  /** What was sent did not get to those that have less: no more of it for `restMs`. */
  | { kind: "given-up"; sent: number; restMs: number };

export interface FairShareOptions {
  /** How far from its fair share a connector may be, in percent of that. */
  percent: number;
  /** And in sessions, whatever the percentage says. */
  minSessions: number;
  /** All connectors must have been there, and ready, for this long. */
  settleMs: number;
  /** Milliseconds of any clock. */
  now: () => number;
}

export interface FairShare {
  /** Judges `own` sessions beside what the others said; to be asked every few seconds. */
  judge(own: number, others: readonly Neighbour[]): Verdict;
  /** So many were sent away as the last verdict allowed. */
  sent(count: number): void;
}

/** One attempt to get sessions to those that have less. */
interface Effort {
  /** Those that had less than their share when it began, and what they had together. */
  needy: ReadonlySet<string>;
  had: number;
  sent: number;
  /** Sent before the last verdict: by now the others' counts show where it went. */
  shown: number;
  /** More than this is not sent, whatever it seems to do. */
  budget: number;
}

const firstRestMs = 600_000;
const maxRestMs = 6 * 3_600_000;

interface Scale {
  share: number;
  surplus: number;
  /** Of the one that has the least. */
  lack: number;
  margin: number;
}

const sessionsOf = ({ load }: Neighbour): number => load?.sessions ?? 0;
const heldBy = (connectors: readonly Neighbour[]): number =>
  connectors.reduce((sum, connector) => sum + sessionsOf(connector), 0);

function begin(own: number, others: readonly Neighbour[], { share }: Scale): Effort {
  const needy = others.filter((other) => sessionsOf(other) < share);
  return {
    needy: new Set(needy.map(({ id }) => id)),
    had: heldBy(needy),
    sent: 0,
    shown: 0,
    budget: 2 * own,
  };
}

function weigh(counts: readonly number[], own: number, options: FairShareOptions): Scale {
  const share = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  return {
    share,
    surplus: own - share,
    lack: share - Math.min(...counts),
    margin: Math.max(options.minSessions, (share * options.percent) / 100),
  };
}

/** One empty connector among ten is as good a reason as a full one: none of the nine has much more than its share. */
const isUneven = ({ surplus, lack, margin }: Scale): boolean =>
  surplus >= margin || (surplus >= 1 && lack >= margin);
/** Half way is enough: chance alone spreads the counts, and every move is a reconnect. */
const isEven = ({ surplus, lack, margin }: Scale): boolean => surplus <= margin / 2 && lack <= margin / 2;
const targetOf = ({ share, lack, margin }: Scale): number =>
  Math.ceil(lack > margin / 2 ? share : share + margin / 2);

/**
 * Decides whether a connector has more sessions than its share, and whether sending them away helps. Where the load
 * balancer brings them back, or never reaches the one that has few, it stops after a few and tries again ever later.
 */
export function createFairShare(options: FairShareOptions): FairShare {
  const { settleMs, now } = options;
  let members = new Set<string>();
  let settledAt = Number.POSITIVE_INFINITY;
  let restUntil = Number.NEGATIVE_INFINITY;
  let failures = 0;
  let effort: Effort | undefined;

  /** Who joins may be where the load balancer sends to; who left has left its sessions to the others. */
  function noteMembers(others: readonly Neighbour[]): void {
    const present = new Set(others.map(({ id }) => id));
    const joined = [...present].some((id) => !members.has(id));
    if (!joined && present.size === members.size) return;
    members = present;
    effort = undefined;
    settledAt = Number.POSITIVE_INFINITY;
    if (joined) restUntil = Number.NEGATIVE_INFINITY;
  }

  function isSettled(others: readonly Neighbour[]): boolean {
    if (others.length === 0 || others.some(({ load }) => load?.state !== "ready")) {
      settledAt = Number.POSITIVE_INFINITY;
      return false;
    }
    settledAt = Math.min(settledAt, now() + settleMs);
    return now() >= settledAt;
  }

  function giveUp({ sent }: Effort): Verdict {
    const restMs = Math.min(maxRestMs, firstRestMs * 2 ** failures);
    failures += 1;
    effort = undefined;
    restUntil = now() + restMs;
    return { kind: "given-up", sent, restMs };
  }

  /** A balancer that deals at random brings one in `connectors` to the right one: a quarter of that is asked for. */
  function isFutile({ needy, had, sent, shown, budget }: Effort, others: readonly Neighbour[]): boolean {
    if (sent >= budget) return true;
    const connectors = others.length + 1;
    const gained = heldBy(others.filter(({ id }) => needy.has(id))) - had;
    return shown >= Math.max(options.minSessions, 4 * connectors) && gained < shown / (4 * connectors);
  }

  return {
    judge(own, others) {
      noteMembers(others);
      if (!isSettled(others) || now() < restUntil) return { kind: "keep" };
      const scale = weigh([own, ...others.map(sessionsOf)], own, options);
      if (effort !== undefined && isEven(scale)) {
        const { sent } = effort;
        effort = undefined;
        failures = 0;
        return { kind: "balanced", sent };
      }
      if (effort === undefined && !isUneven(scale)) return { kind: "keep" };
      const isNew = effort === undefined;
      effort ??= begin(own, others, scale);
      if (isFutile(effort, others)) return giveUp(effort);
      effort.shown = effort.sent;
      const downTo = targetOf(scale);
      return own > downTo ? { kind: "send", downTo, share: scale.share, isNew } : { kind: "keep" };
    },
    sent(count) {
      if (effort !== undefined) effort.sent += count;
    },
  };
}
