import { createRootCa, exportPrivateKeyPem, generateKeyPair, issuePeerCertificate } from "@rciots/ca";
import { createLoop, type Logger, type Loop, type TlsMaterial, type Vault } from "@rciots/runtime";
import type { Store } from "@rciots/store";

/** In the certificate; a client checks it whatever address it called. */
export const peerName = "relay.rciots.internal";

export interface PeerIdentity {
  /** Key and certificate to show, and the roots that those of peers must lead to. Throws before `load`. */
  current(): TlsMaterial;
  /** Reads what is shared, making it where there is none. */
  load(): Promise<void>;
  loop: Loop;
  /** Returns the function that ends the subscription. */
  onChange(listener: () => void): () => void;
}

/** One certificate that all processes of the installation share, under a root that signed nothing else. */
interface Generation {
  key: string;
  cert: string;
  root: string;
  createdAt: number;
}

const valueName = "relay-identities";
const aad = "platform:relay-identities";
const leaseMs = 10_000;

/**
 * How processes of one installation know each other: whoever has the database and the platform's key. A new
 * generation is trusted at once and shown `activateMs` later, when all have read it; the one before stays trusted
 * until the next rotation, so that at no time two processes refuse each other.
 */
export function createPeerIdentity(options: {
  store: Pick<Store, "platformValues" | "leases">;
  vault: Pick<Vault, "seal" | "open" | "rewrap" | "isCurrent">;
  holder: string;
  /** Default 30 days. */
  lifetimeMs?: number;
  /** Default one hour; much longer than `checkMs`. */
  activateMs?: number;
  /** Default one minute. */
  checkMs?: number;
  logger: Logger;
  now?: () => number;
}): PeerIdentity {
  const { store, vault, holder, logger, now = Date.now } = options;
  const { lifetimeMs = 30 * 86_400_000, activateMs = 3_600_000, checkMs = 60_000 } = options;
  const listeners = new Set<() => void>();
  let material: TlsMaterial | undefined;

  function makeGeneration(): Generation {
    const at = new Date(now());
    // Twice the time between rotations for the one that is trusted still, and as much again for one that is late.
    const validityMs = Math.min(4 * lifetimeMs, 397 * 86_400_000);
    const root = createRootCa({ name: "RCIoTS relay", validityMs, now: at });
    const { privateKey, publicKey } = generateKeyPair();
    const { certificatePem } = issuePeerCertificate({
      issuer: root,
      dnsName: peerName,
      publicKey,
      validityMs,
      now: at,
    });
    return {
      key: exportPrivateKeyPem(privateKey),
      cert: certificatePem,
      root: root.pem,
      createdAt: at.getTime(),
    };
  }
  const seal = (generations: Generation[]): string =>
    vault.seal(Buffer.from(JSON.stringify(generations), "utf8"), aad);
  const readSealed = (): Promise<string> =>
    store.platformValues.getOrCreate(valueName, () => seal([makeGeneration()]));

  function open(sealed: string): Generation[] {
    try {
      return JSON.parse(vault.open(sealed, aad).toString("utf8")) as Generation[];
    } catch (error) {
      const message =
        "The certificate of this installation's processes can't be opened: RCIOTS_MASTER_KEY is another one than the other processes have.";
      throw new Error(message, { cause: error });
    }
  }

  const isDue = ([newest]: Generation[]): boolean => now() - (newest?.createdAt ?? 0) >= lifetimeMs;

  /** By one process; the others find the result at their next look. */
  async function renew(): Promise<Generation[] | undefined> {
    if (!(await store.leases.claim(valueName, holder, leaseMs))) return undefined;
    try {
      const sealed = await readSealed();
      const stored = open(sealed);
      if (isDue(stored)) {
        const renewed = [makeGeneration(), ...stored.slice(0, 1)];
        await store.platformValues.set(valueName, seal(renewed));
        logger.info({}, "relays have a new certificate");
        return renewed;
      }
      if (!vault.isCurrent(sealed)) await store.platformValues.set(valueName, vault.rewrap(sealed, aad));
      return stored;
    } finally {
      await store.leases.release(valueName, holder);
    }
  }

  async function read(): Promise<Generation[]> {
    const sealed = await readSealed();
    const stored = open(sealed);
    if (!isDue(stored) && vault.isCurrent(sealed)) return stored;
    // Where another process is at it right now, what is stored is good until it is done.
    return (await renew()) ?? stored;
  }

  async function load(): Promise<void> {
    const generations = await read();
    const shown = generations.find(({ createdAt }) => now() - createdAt >= activateMs) ?? generations.at(-1);
    if (shown === undefined) throw new Error("There is no certificate for relays.");
    const ca = generations.map(({ root }) => root).join("");
    if (material?.cert === shown.cert && material.ca === ca) return;
    material = { key: shown.key, cert: shown.cert, ca };
    for (const listener of listeners) listener();
  }

  return {
    current() {
      if (material === undefined) throw new Error("The certificate for relays is not loaded yet.");
      return material;
    },
    load,
    loop: createLoop({
      name: "relay-identity",
      intervalMs: checkMs,
      step: load,
      logger,
    }),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
