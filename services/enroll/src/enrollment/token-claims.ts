import {
  createBatcher,
  createLoop,
  errorMessage,
  sleep,
  type AppError,
  type Logger,
  type Loop,
} from "@rciots/runtime";
import type { ProvisioningToken, Store, TokenClaim } from "@rciots/store";
import { busy, refuse } from "../refusals.ts";

export interface ClaimedUse {
  /** As it was when the use was counted. */
  token: ProvisioningToken;
  /** The device of an open claim with this key, otherwise the one that was asked for. */
  deviceId: string;
}

export interface TokenClaims {
  /** Counts one use, or finds the open claim of the same request. Throws the refusals of a token. */
  claim(tokenId: string, claim: TokenClaim): Promise<ClaimedUse>;
  /** Confirms a use at once; false where it was taken back meanwhile. */
  settle(tokenId: string, key: string): Promise<boolean>;
  /**
   * Confirms a use soon, together with others. For a use that is too young to have been taken back: until it is
   * confirmed, it only looks like one of a process that died, and would be found to have its device.
   */
  settleSoon(tokenId: string, key: string): void;
  /** Takes a use back at once. */
  release(tokenId: string, claim: TokenClaim): Promise<void>;
  /** Finishes or takes back what dead processes left open. */
  recovery: Loop;
  /** Confirms at once what waits to be. */
  drain(): Promise<void>;
}

interface Asked<Value> {
  tokenId: string;
  value: Value;
}

/** Claims older than this belong to a process that died or lost its store. */
export const staleClaimMs = 120_000;
const maxBatch = 100;
/** Confirmations of this long share one write. */
const settleSoonMs = 200;
/** Tokens whose cap is remembered. */
const maxCaps = 10_000;
const maxAttempts = 50;

/** Why a token lets nobody in, or nothing; its cap is judged by the claim. */
export function tokenFault(token: ProvisioningToken, now: Date): AppError | undefined {
  if (!token.enabled) return refuse("token_disabled");
  if (token.expiresAt !== null && token.expiresAt <= now) return refuse("token_expired");
  return undefined;
}

/** Runs the calls of each token together, one store operation for all of a kind. */
function createTokenBatcher<Value, Result>(
  run: (tokenId: string, values: Value[]) => Promise<(Result | Error)[]>,
) {
  return createBatcher<Asked<Value>, Result>({
    maxSize: maxBatch,
    async run(asked) {
      const results: (Result | Error)[] = [];
      const byToken = new Map<string, { index: number; value: Value }[]>();
      asked.forEach(({ tokenId, value }, index) => {
        byToken.set(tokenId, [...(byToken.get(tokenId) ?? []), { index, value }]);
      });
      const runs = [...byToken].map(async ([tokenId, entries]) => {
        const failed = (error: unknown): Error[] =>
          entries.map(() => (error instanceof Error ? error : new Error(String(error))));
        const found = await run(
          tokenId,
          entries.map((entry) => entry.value),
        ).catch(failed);
        entries.forEach(({ index }, at) => (results[index] = found[at] as Result | Error));
      });
      await Promise.all(runs);
      return results;
    },
  });
}

/** The count of a token's uses: exact under concurrency, across replicas, and when a process dies. */
export function createTokenClaims(options: {
  store: Store;
  logger: Logger;
  recoveryIntervalMs: number;
  now: () => Date;
}): TokenClaims {
  const { store, logger, now } = options;
  const tokens = store.provisioningTokens;
  const caps = new Map<string, number | null>();
  const stopping = new AbortController();
  let unconfirmed = new Map<string, string[]>();
  let confirming: Promise<void> | undefined;

  /** Counts as many of `claims` as there is room for; undefined where the token changed under way. */
  async function tryClaim(
    tokenId: string,
    claims: TokenClaim[],
  ): Promise<(ClaimedUse | Error)[] | undefined> {
    const state = await tokens.readForClaim(tokenId);
    if (state === undefined) return claims.map(() => refuse("token_not_found"));
    const { token, openClaims } = state;
    const fault = tokenFault(token, now());
    if (fault !== undefined) return claims.map(() => fault);
    const isOpen = (claim: TokenClaim): boolean => openClaims.has(claim.key);
    // Two of one key in a batch are one request and its repetition.
    const wanted = [
      ...new Map(claims.filter((claim) => !isOpen(claim)).map((claim) => [claim.key, claim])).values(),
    ];
    const room = token.maxDevices === null ? wanted.length : Math.max(0, token.maxDevices - token.usedCount);
    const taken = wanted.slice(0, room);
    const { maxDevices } = token;
    const counted =
      taken.length === 0 ? token : await tokens.claim(tokenId, { claims: taken, maxDevices, now: now() });
    if (counted === undefined) return undefined;
    const admitted = new Map([...openClaims, ...taken.map((claim) => [claim.key, claim.deviceId] as const)]);
    return claims.map((claim) => {
      const deviceId = admitted.get(claim.key);
      return deviceId === undefined ? refuse("token_exhausted") : { token: counted, deviceId };
    });
  }

  /** The usual case in one operation: there is room, as far as was last seen. */
  async function claimUnseen(
    tokenId: string,
    claims: TokenClaim[],
  ): Promise<(ClaimedUse | Error)[] | undefined> {
    const maxDevices = caps.get(tokenId);
    if (maxDevices === undefined) return undefined;
    const wanted = new Map(claims.map((claim) => [claim.key, claim]));
    const counted = await tokens.claim(tokenId, { claims: [...wanted.values()], maxDevices, now: now() });
    if (counted === undefined) return undefined;
    return claims.map(({ key, deviceId }) => ({
      token: counted,
      deviceId: wanted.get(key)?.deviceId ?? deviceId,
    }));
  }

  function rememberCap(tokenId: string, outcomes: (ClaimedUse | Error)[]): void {
    caps.delete(tokenId);
    const [first] = outcomes;
    // Where one was refused, the next ones are likely to be: they begin with a look.
    if (first === undefined || outcomes.some((outcome) => outcome instanceof Error)) return;
    if (caps.size >= maxCaps) caps.clear();
    caps.set(tokenId, (first as ClaimedUse).token.maxDevices);
  }

  async function claimAll(tokenId: string, claims: TokenClaim[]): Promise<(ClaimedUse | Error)[]> {
    let outcomes = await claimUnseen(tokenId, claims);
    for (let attempt = 0; outcomes === undefined && attempt < maxAttempts; attempt += 1) {
      outcomes = await tryClaim(tokenId, claims);
    }
    outcomes ??= claims.map(() => busy("The provisioning token is being used by too many at once."));
    rememberCap(tokenId, outcomes);
    return outcomes;
  }

  async function settleAll(tokenId: string, keys: string[]): Promise<boolean[]> {
    const open = await tokens.settle(tokenId, keys);
    return keys.map((key) => open.has(key));
  }

  async function confirmSoon(): Promise<void> {
    await sleep(settleSoonMs, stopping.signal);
    const confirmed = unconfirmed;
    unconfirmed = new Map();
    confirming = undefined;
    for (const [tokenId, keys] of confirmed) {
      try {
        await tokens.settle(tokenId, keys);
      } catch (error) {
        logger.warn({ tokenId, error: errorMessage(error) }, "uses of a token stay open until recovery");
      }
    }
  }

  async function recover(): Promise<void> {
    const stale = await tokens.staleClaims(new Date(now().getTime() - staleClaimMs));
    for (const { tokenId, key, deviceId } of stale) {
      const device = await store.deviceEnrollment.get(deviceId);
      if (device === undefined) await tokens.release(tokenId, { key, deviceId });
      else await tokens.settle(tokenId, [key]);
      logger.info({ tokenId, deviceId, wasStored: device !== undefined }, "open use of a token was settled");
    }
  }

  const claiming = createTokenBatcher(claimAll);
  const settling = createTokenBatcher(settleAll);

  return {
    claim: (tokenId, value) => claiming.add({ tokenId, value }),
    settle: (tokenId, value) => settling.add({ tokenId, value }),
    settleSoon(tokenId, key) {
      unconfirmed.set(tokenId, [...(unconfirmed.get(tokenId) ?? []), key]);
      confirming ??= confirmSoon();
    },
    async release(tokenId, claim) {
      await tokens.release(tokenId, claim);
    },
    async drain() {
      stopping.abort();
      await confirming;
    },
    recovery: createLoop({
      name: "open uses of tokens",
      intervalMs: options.recoveryIntervalMs,
      logger,
      step: () => recover(),
    }),
  };
}
