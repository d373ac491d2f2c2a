import { createClient } from "@redis/client";
import { errorMessage, type Logger } from "@rciots/runtime";

export type RedisClient = ReturnType<typeof createClient>;

export interface RedisLink {
  /** For commands; each is refused at once while there is no connection. */
  readonly client: RedisClient;
  /** Resolves once both connections stand; rejects with a sentence where they can't be made. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Whether messages can be sent now. */
  isUp(): boolean;
  /** Resolves with how many subscribers Redis handed it to; rejects at once while there is no connection. */
  publish(channel: string, message: Buffer): Promise<number>;
  /** Also across reconnects, and before `start`. Returns the function that ends it. */
  subscribe(channel: string, listener: (message: Buffer) => void): () => void;
}

const connectTimeoutMs = 10_000;
const maxReconnectMs = 3_000;
const maxQueuedCommands = 10_000;

/** Full jitter, so that all replicas don't come back in the same moment. */
const reconnectMs = (attempts: number): number =>
  50 + Math.random() * Math.min(maxReconnectMs, 100 * 2 ** Math.min(attempts, 10));

/** A connection to publish with and one to listen on, which Redis wants apart. Both come back by themselves. */
export function createRedisLink({ url, logger }: { url: string; logger: Logger }): RedisLink {
  let isStarted = false;
  let wasUp = true;
  const options = {
    url,
    socket: { connectTimeout: connectTimeoutMs, reconnectStrategy: reconnect },
    commandsQueueMaxLength: maxQueuedCommands,
  };
  // A hint that is late is worth nothing, so none is kept for later.
  const publisher: RedisClient = createClient({ ...options, disableOfflineQueue: true });
  const subscriber = createClient(options);
  const listeners = new Map<string, (message: Buffer) => void>();

  function reconnect(attempts: number, cause: Error): number | Error {
    // The first connection tells whoever starts the platform what is wrong; a later one tries for good.
    return isStarted ? reconnectMs(attempts) : cause;
  }

  function note(error: unknown): void {
    if (wasUp && isStarted) logger.warn({ error: errorMessage(error) }, "no connection to Redis");
    wasUp = false;
  }
  for (const client of [publisher, subscriber]) client.on("error", note);
  publisher.on("ready", () => {
    if (!wasUp && isStarted) logger.info({}, "connected to Redis again");
    wasUp = true;
  });

  const listen = (channel: string, listener: (message: Buffer) => void): void => {
    subscriber.subscribe(channel, listener, true).catch((error: unknown) => {
      logger.warn({ channel, error: errorMessage(error) }, "could not subscribe");
    });
  };

  return {
    client: publisher,
    async start() {
      try {
        await Promise.all([publisher.connect(), subscriber.connect()]);
      } catch (error) {
        await this.stop();
        const { host } = new URL(url);
        throw new Error(`Redis at ${host} can't be reached: ${errorMessage(error)}`, { cause: error });
      }
      isStarted = true;
      for (const [channel, listener] of listeners) await subscriber.subscribe(channel, listener, true);
    },
    async stop() {
      isStarted = false;
      for (const client of [publisher, subscriber]) if (client.isOpen) client.destroy();
    },
    isUp: () => publisher.isReady && subscriber.isReady,
    publish: (channel, message) => publisher.publish(channel, message),
    subscribe(channel, listener) {
      listeners.set(channel, listener);
      if (isStarted) listen(channel, listener);
      return () => {
        listeners.delete(channel);
        if (isStarted) void subscriber.unsubscribe(channel, listener, true).catch(note);
      };
    },
  };
}
