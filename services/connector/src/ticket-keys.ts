import { randomBytes } from "node:crypto";
import { createLoop, errorMessage, sleep, type Logger, type Loop, type Sealer } from "@rciots/runtime";
import type { Store } from "@rciots/store";

export interface TicketKeys {
  /** 48 bytes: name, HMAC key and AES key of the session tickets. */
  current(): Buffer;
  /** Reads the shared keys, making them where there are none. */
  load(): Promise<void>;
  loop: Loop;
}

interface StoredKeys {
  keys: string;
  createdAt: number;
}

const valueName = "tls-ticket-keys";
const aad = "platform:tls-ticket-keys";
const keyBytes = 48;
const leaseMs = 10_000;
const maxTries = 20;
const retryMs = 250;

/**
 * Shares the keys of TLS session tickets among connectors and over restarts, so that a device resumes wherever
 * it arrives. Keys are replaced when they are `lifetimeMs` old and the old ones are forgotten: whoever learns
 * today's keys can't read what was recorded before. A ticket of forgotten keys costs a full handshake.
 */
export function createTicketKeys(options: {
  store: Pick<Store, "platformValues" | "leases">;
  vault: Sealer;
  holder: string;
  lifetimeMs: number;
  checkMs: number;
  onChange: () => void;
  logger: Logger;
  now: () => number;
}): TicketKeys {
  const { store, vault, holder, lifetimeMs, now } = options;
  let current: Buffer | undefined;

  const make = (): string => {
    const made: StoredKeys = { keys: randomBytes(keyBytes).toString("base64"), createdAt: now() };
    return vault.seal(Buffer.from(JSON.stringify(made), "utf8"), aad);
  };
  /** Keys that can't be opened count as too old: tickets are not worth refusing to start for. */
  function open(sealed: string): StoredKeys {
    try {
      return JSON.parse(vault.open(sealed, aad).toString("utf8")) as StoredKeys;
    } catch (error) {
      options.logger.warn({ error: errorMessage(error) }, "TLS ticket keys can't be opened and are replaced");
      return { keys: "", createdAt: 0 };
    }
  }
  const isOld = ({ createdAt }: StoredKeys): boolean => now() - createdAt >= lifetimeMs;

  /** One replica replaces them; the others find the new ones at their next look. */
  async function rotate(): Promise<StoredKeys> {
    const isMine = await store.leases.claim(valueName, holder, leaseMs);
    try {
      const stored = open(await store.platformValues.getOrCreate(valueName, make));
      if (!isMine || !isOld(stored)) return stored;
      const sealed = make();
      await store.platformValues.set(valueName, sealed);
      return open(sealed);
    } finally {
      if (isMine) await store.leases.release(valueName, holder);
    }
  }

  async function read(): Promise<Buffer> {
    for (let tries = 0; tries < maxTries; tries += 1) {
      const stored = open(await store.platformValues.getOrCreate(valueName, make));
      const { keys } = isOld(stored) ? await rotate() : stored;
      const bytes = Buffer.from(keys, "base64");
      if (bytes.length === keyBytes) return bytes;
      // Another replica is replacing them right now.
      await sleep(retryMs);
    }
    throw new Error("There are no TLS ticket keys that can be opened.");
  }

  async function load(): Promise<void> {
    const bytes = await read();
    if (current?.equals(bytes) === true) return;
    current = bytes;
    options.onChange();
  }

  return {
    current() {
      if (current === undefined) throw new Error("The TLS ticket keys are not loaded yet.");
      return current;
    },
    load,
    loop: createLoop({
      name: "tls-ticket-keys",
      intervalMs: options.checkMs,
      step: load,
      logger: options.logger,
    }),
  };
}
