import { createRedisBus } from "@rciots/redis-bus";
import {
  createVault,
  newId,
  parseMasterKeys,
  type Bus,
  type Logger,
  type TryLimits,
  type Vault,
} from "@rciots/runtime";
import { createMetrics, type Metrics } from "@rciots/metrics";
import { createStore, measureStore, type Store } from "@rciots/store";
import manifest from "../package.json" with { type: "json" };
import type { PartList } from "./part-list.ts";

/** A vault from the text of `RCIOTS_MASTER_KEY` or `RCIOTS_CA_KEY`. */
export const vaultOf = (keyText: string): Vault => createVault({ masterKeys: parseMasterKeys(keyText) });

/** The numbers of this process, of whatever service it runs. */
export const openMetrics = (): Metrics => createMetrics({ version: manifest.version });

/** How long what happened is kept. */
export interface Retention {
  eventRetentionMs: number;
  connectionRetentionMs: number;
}

export async function openStore(
  { metrics, ...options }: { uri: string; metrics: Metrics } & Retention,
  parts: PartList,
): Promise<Store> {
  const store = measureStore(await createStore(options), metrics.observeStore);
  parts.add({ name: "store", stop: store.close });
  metrics.watchStore(store.ping);
  return store;
}

export interface JoinedBus {
  bus: Bus;
  /** Counted by all of these processes together. */
  tryLimits: TryLimits;
  /** What keeps this process from the others, in words. */
  fault: () => string | undefined;
}

/** The bus over Redis to the other processes on the same database. */
export async function openRedisBus(
  { url, store, logger }: { url: string; store: Pick<Store, "platformValues">; logger: Logger },
  parts: PartList,
): Promise<JoinedBus> {
  const bus = createRedisBus({
    url,
    namespace: await store.platformValues.getOrCreate("bus.namespace", () => newId("bus")),
    logger: logger.child({ service: "bus" }),
  });
  await bus.start();
  parts.add({ name: "bus", stop: bus.stop });
  return { bus, tryLimits: bus.tryLimits, fault: () => (bus.isUp() ? undefined : "Redis can't be reached") };
}
