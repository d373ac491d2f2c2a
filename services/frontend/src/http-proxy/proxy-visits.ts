import type { IncomingMessage } from "node:http";
import type { ByteStream } from "@rciots/protocol";
import type { AskedConnection, ConnectionLog, SeenConnection } from "@rciots/store";
import type { ProxyVisit } from "./proxy-door.ts";

/** A request to a device's web server; exactly one of these is called. */
export interface VisitRequest {
  /** Until the function that is returned is called. */
  opened(stream: ByteStream): () => void;
  refused(reason: unknown): void;
}

export interface ProxyVisits {
  begin(
    visit: ProxyVisit,
    asked: { message: IncomingMessage; address: string; isUpgrade: boolean },
  ): VisitRequest;
}

/** A visit is over once nothing was asked for so long. */
const quietMs = 600_000;
const maxPathChars = 500;

interface Visit extends SeenConnection {
  /** Counts a request until the function that is returned is called. */
  add(stream: ByteStream): () => void;
}

/** Requests of a session to a web tunnel, one after the other, as one connection. */
function createVisit(now: () => number): Visit {
  const under = new Set<ByteStream>();
  let requests = 0;
  let lastAt = now();
  const over = { sentBytes: 0, receivedBytes: 0 };
  const sum = (field: "sentBytes" | "receivedBytes"): number =>
    [...under].reduce((total, stream) => total + stream[field], over[field]);
  return {
    get sentBytes() {
      return sum("sentBytes");
    },
    get receivedBytes() {
      return sum("receivedBytes");
    },
    get isOver() {
      return under.size === 0 && now() - lastAt >= quietMs;
    },
    get endedAtMs() {
      return under.size === 0 ? lastAt : now();
    },
    get details() {
      return { requests };
    },
    add(stream) {
      requests += 1;
      under.add(stream);
      return () => {
        under.delete(stream);
        over.sentBytes += stream.sentBytes;
        over.receivedBytes += stream.receivedBytes;
        lastAt = now();
      };
    },
  };
}

/** Writes down who was at which web tunnel: each visit, and within it each WebSocket and whatever is refused. */
export function createProxyVisits(options: {
  connections: Pick<ConnectionLog, "begin">;
  now?: () => number;
}): ProxyVisits {
  const { connections, now = Date.now } = options;
  const visits = new Map<string, Visit>();

  /** The visit of this session, a new one where that before is over. */
  function visitOf(key: string, asked: AskedConnection): Visit {
    const found = visits.get(key);
    if (found?.isOver === false) return found;
    for (const [other, { isOver }] of visits) if (isOver) visits.delete(other);
    const visit = createVisit(now);
    visits.set(key, visit);
    connections.begin(asked).opened(visit);
    return visit;
  }

  return {
    begin({ tunnel, caller, presented }, { message, address, isUpgrade }) {
      const { _id, organizationId, deviceId, target, label } = tunnel;
      const [path = ""] = (message.url ?? "").split("?");
      const asked: AskedConnection = {
        organizationId,
        deviceId,
        actor: caller.actor,
        address,
        target,
        way: { id: _id, name: `the web tunnel ${label}` },
        details: { webTunnelId: _id, label },
      };
      const single = {
        ...asked,
        // What follows in a query may be a secret.
        details: { ...asked.details, path: path.slice(0, maxPathChars), isWebSocket: isUpgrade },
      };
      const key = `${_id} ${presented.hash}`;
      return {
        opened(stream) {
          if (!isUpgrade) return visitOf(key, asked).add(stream);
          connections.begin(single).opened(stream);
          return () => undefined;
        },
        refused: (reason) => connections.begin(single).refused(reason),
      };
    },
  };
}
