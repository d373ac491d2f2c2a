import {
  createMemoryBus,
  errorMessage,
  newId,
  type Bus,
  type BusTopic,
  type Logger,
  type TryLimits,
} from "@rciots/runtime";
import { decodeFrame, encodeFrame, hintFrame } from "./frames.ts";
import { createRedisLink } from "./redis-link.ts";
import { createRedisTryLimits } from "./redis-try-limits.ts";
import { createRemoteCalls } from "./remote-calls.ts";

export interface RedisBusOptions {
  /** `redis://user:password@host:6379`, or `rediss://` for TLS. */
  url: string;
  /** Keeps installations apart that share a Redis, whose channels know no databases. */
  namespace: string;
  logger: Logger;
}

export interface RedisBus extends Bus {
  /** Counted by all instances together, over the same connection. */
  readonly tryLimits: TryLimits;
  /** Rejects with a sentence where Redis can't be reached. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Whether other instances can be reached now. */
  isUp(): boolean;
}

/**
 * The bus across processes, over Redis' publish and subscribe. Within the process it works without Redis: what is
 * published reaches its own subscribers and servers directly, and other instances besides. A hint that is lost
 * while Redis is away costs latency; a call is refused at once.
 */
export function createRedisBus({ url, namespace, logger }: RedisBusOptions): RedisBus {
  const instanceId = newId("bus");
  const local = createMemoryBus();
  const link = createRedisLink({ url, logger });
  const channelOf = (kind: string, name: string): string => `rciots:${namespace}:${kind}:${name}`;
  const calls = createRemoteCalls({ link, instanceId, channelOf, logger });
  const servedHere = new Set<string>();
  const listening = new Set<BusTopic>();
  const keyOf = (name: string, address: string): string => `${name}@${address}`;

  /** One subscription for each topic that somebody here listens to. */
  function listen(topic: BusTopic): void {
    if (listening.has(topic)) return;
    listening.add(topic);
    link.subscribe(channelOf("hint", topic), (message) => {
      const frame = decodeFrame(hintFrame, message);
      if (frame !== undefined && frame.origin !== instanceId) local.publish(topic, frame.payload as never);
    });
  }

  return {
    tryLimits: createRedisTryLimits({ client: link.client, namespace, logger }),
    start: () => link.start(),
    stop: () => link.stop(),
    isUp: () => link.isUp(),
    publish(topic, payload) {
      local.publish(topic, payload);
      link
        .publish(channelOf("hint", topic), encodeFrame({ origin: instanceId, payload }))
        .catch((error: unknown) => {
          logger.debug({ topic, error: errorMessage(error) }, "hint not published");
        });
    },
    subscribe(topic, listener) {
      listen(topic);
      return local.subscribe(topic, listener);
    },
    async call(name, address, request, options) {
      options.signal?.throwIfAborted();
      const key = keyOf(name, address);
      if (servedHere.has(key)) return local.call(name, address, request, options);
      return calls.call(key, request, options);
    },
    serve(name, address, handler) {
      const key = keyOf(name, address);
      const endLocal = local.serve(name, address, handler);
      const endRemote = calls.serve(key, (request, options) =>
        local.call(name, address, request as never, options),
      );
      servedHere.add(key);
      return () => {
        servedHere.delete(key);
        endRemote();
        endLocal();
      };
    },
  };
}
