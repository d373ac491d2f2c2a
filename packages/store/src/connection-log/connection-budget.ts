import type { AskedConnection, ConnectionEnd, ConnectionSum, Reason } from "./connection-events.ts";
import { targetText } from "./connection-events.ts";

/** How many connections are written down one by one in a span; each is one of those opened, and of those refused. */
export interface ConnectionLimits {
  perWay: number;
  perOrganization: number;
}

export interface ConnectionBudget {
  /** Whether this one is written down by itself. What is refused takes nothing from what is opened. */
  take(asked: AskedConnection, outcome: "opened" | "refused"): boolean;
  countOpened(asked: AskedConnection): void;
  countRefused(asked: AskedConnection, reason: Reason): void;
  countEnd(asked: AskedConnection, end: ConnectionEnd): void;
  /** The sums of the span that is over; the next one begins. */
  renew(): ConnectionSum[];
}

/** More are counted together as `others`. */
const maxNames = 20;

function count(counts: Map<string, number>, name: string): void {
  const key = counts.has(name) || counts.size < maxNames ? name : "others";
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

const emptySum = (asked: AskedConnection): ConnectionSum => ({
  asked,
  opened: 0,
  refused: 0,
  ended: 0,
  durationMs: 0,
  sentBytes: 0,
  receivedBytes: 0,
  actors: new Map(),
  addresses: new Map(),
  targets: new Map(),
  reasons: new Map(),
});

/** What is written down one by one, and what is only counted: so nobody fills the store by connecting. */
export function createConnectionBudget(limits: ConnectionLimits): ConnectionBudget {
  let taken = new Map<string, number>();
  let sums = new Map<string, ConnectionSum>();

  function sumOf(asked: AskedConnection): ConnectionSum {
    const found = sums.get(asked.way.id) ?? emptySum(asked);
    sums.set(asked.way.id, found);
    return found;
  }

  function countAsked(asked: AskedConnection): ConnectionSum {
    const sum = sumOf(asked);
    count(sum.actors, asked.actor.name);
    count(sum.addresses, asked.address ?? "unknown");
    count(sum.targets, targetText(asked.target));
    return sum;
  }

  return {
    take({ way, organizationId }, outcome) {
      const ofWay = `${way.id} ${outcome}`;
      const ofOrganization = `${organizationId} ${outcome}`;
      const [first, second] = [taken.get(ofWay) ?? 0, taken.get(ofOrganization) ?? 0];
      if (first >= limits.perWay || second >= limits.perOrganization) return false;
      taken.set(ofWay, first + 1);
      taken.set(ofOrganization, second + 1);
      return true;
    },
    countOpened: (asked) => void (countAsked(asked).opened += 1),
    countRefused(asked, { code }) {
      const sum = countAsked(asked);
      sum.refused += 1;
      count(sum.reasons, code);
    },
    countEnd(asked, { durationMs, sentBytes, receivedBytes }) {
      const sum = sumOf(asked);
      sum.ended += 1;
      sum.durationMs += durationMs;
      sum.sentBytes += sentBytes;
      sum.receivedBytes += receivedBytes;
    },
    renew() {
      const over = [...sums.values()];
      taken = new Map();
      sums = new Map();
      return over;
    },
  };
}
