import type { ByteStream, TcpTarget } from "@rciots/protocol";

/** What one WebSocket was used for, by target. */
export interface ConnectUsage {
  readonly targets: number;
  isNew(target: TcpTarget): boolean;
  /** Somebody asks for a stream; exactly one of these follows. */
  begin(target: TcpTarget): { opened(stream: ByteStream): void; refused(): void };
  /** For the audit log, up to now: the targets that carried most, first. */
  summary(): Record<string, unknown>;
}

/** More are counted together. */
const maxShown = 50;

interface Tally {
  target: { host: string; port: number };
  connections: number;
  refused: number;
  streams: Set<ByteStream>;
  sentBytes: number;
  receivedBytes: number;
}

/** Counts those that are over into the tally, so that streams are not kept for good. */
const compactAt = 64;

/** `now`: milliseconds of a clock that never goes back. */
export function createConnectUsage(now: () => number): ConnectUsage {
  const startedAt = now();
  const tallies = new Map<string, Tally>();
  const keyOf = ({ host, port }: TcpTarget): string => `${host} ${port}`;

  function tallyOf(target: TcpTarget): Tally {
    const { host, port } = target;
    const found = tallies.get(keyOf(target)) ?? {
      target: { host, port },
      connections: 0,
      refused: 0,
      streams: new Set(),
      sentBytes: 0,
      receivedBytes: 0,
    };
    tallies.set(keyOf(target), found);
    return found;
  }

  function bytesOf({ streams, sentBytes, receivedBytes }: Tally): {
    sentBytes: number;
    receivedBytes: number;
  } {
    const sum = { sentBytes, receivedBytes };
    for (const stream of streams) {
      sum.sentBytes += stream.sentBytes;
      sum.receivedBytes += stream.receivedBytes;
    }
    return sum;
  }

  function compact(tally: Tally): void {
    for (const stream of tally.streams) {
      if (!stream.isOver) continue;
      tally.sentBytes += stream.sentBytes;
      tally.receivedBytes += stream.receivedBytes;
      tally.streams.delete(stream);
    }
  }

  return {
    get targets() {
      return tallies.size;
    },
    isNew: (target) => !tallies.has(keyOf(target)),
    begin(target) {
      const tally = tallyOf(target);
      return {
        opened(stream) {
          tally.connections += 1;
          tally.streams.add(stream);
          if (tally.streams.size % compactAt === 0) compact(tally);
        },
        refused: () => void (tally.refused += 1),
      };
    },
    summary() {
      const all = [...tallies.values()].map((tally) => {
        const { target, connections, refused } = tally;
        return { target, connections, refused, ...bytesOf(tally) };
      });
      const sum = (pick: (one: (typeof all)[number]) => number): number =>
        all.reduce((total, one) => total + pick(one), 0);
      const weight = (one: (typeof all)[number]): number => one.sentBytes + one.receivedBytes;
      return {
        durationMs: Math.round(now() - startedAt),
        connections: sum(({ connections }) => connections),
        sentBytes: sum(({ sentBytes }) => sentBytes),
        receivedBytes: sum(({ receivedBytes }) => receivedBytes),
        targetCount: all.length,
        targets: all.sort((one, other) => weight(other) - weight(one)).slice(0, maxShown),
      };
    },
  };
}
