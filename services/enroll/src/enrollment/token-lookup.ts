import type { ProvisioningToken, Store } from "@rciots/store";

export interface TokenLookup {
  /** By the token's hash. What it says may be a second old; the claim of a use judges it anew. */
  find(hash: string): Promise<ProvisioningToken | undefined>;
  /** True where it was found within the last minutes: such a caller is not guessing. */
  isKnown(hash: string): boolean;
}

interface Entry {
  token: ProvisioningToken;
  readAtMs: number;
}

const maxAgeMs = 1_000;
const knownMs = 600_000;
const maxCount = 10_000;

/** Provisioning tokens by hash; only such as exist are remembered, so guesses cost no memory. */
export function createTokenLookup({ store }: { store: Store }): TokenLookup {
  const entries = new Map<string, Entry>();
  const loading = new Map<string, Promise<ProvisioningToken | undefined>>();

  async function load(hash: string): Promise<ProvisioningToken | undefined> {
    const readAtMs = performance.now();
    const token = await store.provisioningTokens.findByHash(hash);
    entries.delete(hash);
    if (token === undefined) return undefined;
    entries.set(hash, { token, readAtMs });
    const [oldest] = entries.keys();
    if (entries.size > maxCount && oldest !== undefined) entries.delete(oldest);
    return token;
  }

  return {
    isKnown(hash) {
      const entry = entries.get(hash);
      return entry !== undefined && performance.now() - entry.readAtMs < knownMs;
    },
    async find(hash) {
      const known = entries.get(hash);
      if (known !== undefined && performance.now() - known.readAtMs < maxAgeMs) return known.token;
      const underWay = loading.get(hash) ?? load(hash).finally(() => loading.delete(hash));
      loading.set(hash, underWay);
      return underWay;
    },
  };
}
