import { createBackoff, errorMessage, type Logger, sleep } from "@rciots/runtime";
import {
  type Cluster,
  listPages,
  objectKey,
  type ObjectRef,
  refOf,
  type WatchEvent,
} from "../kube/cluster.ts";
import { isExpired, isNoKindMatch, isUnsupported } from "../kube/kube-error.ts";
import { type LiveMark, markOf } from "./tracked-object.ts";

export type KindId = Pick<ObjectRef, "apiVersion" | "kind">;

export interface WatchedKind extends KindId {
  /** Of the objects that are watched for; none where they are cluster-scoped. */
  readonly namespaces: readonly string[];
}

/** watching: changes are seen at once. polling: at each interval. blind: neither is allowed, apply again instead. */
export type WatchMode = "starting" | "watching" | "polling" | "blind";

export interface Observation extends LiveMark {
  readonly deleting: boolean;
}

export interface DriftWatchOptions {
  readonly cluster: Cluster;
  readonly labelSelector: string;
  /** Between two lists where watching is not allowed. */
  readonly pollIntervalMs: number;
  readonly logger: Logger;
  /** An object as it is now; undefined: deleted, or the label was taken off. */
  readonly onObject: (key: string, observation: Observation | undefined) => void;
  /** All objects of the kind that exist. */
  readonly onListed: (kind: KindId, keys: ReadonlySet<string>) => void;
  /** From now on a kind is seen in another way. */
  readonly onMode: () => void;
  /** Nothing can be seen of this kind: time to look by applying. */
  readonly onBlind: (kind: KindId) => void;
}

export interface DriftWatch {
  /** Watches these kinds and no others. */
  setKinds(kinds: readonly WatchedKind[]): void;
  modes(): Readonly<Record<string, WatchMode>>;
  stop(): Promise<void>;
}

interface Watcher {
  mode: WatchMode;
  readonly namespaces: readonly string[];
  readonly abort: AbortController;
  readonly ended: Promise<void>;
}

/**
 * Sees changes of applied objects within moments: one watch for each kind, of metadata alone and only of
 * objects with the set's label. A change of content shows there too, since the API server takes every field
 * that somebody else changed out of our managed fields. An idle watch costs one connection (about 60 KiB) and
 * no requests; re-applying 1,500 objects every 30 s would cost 50 requests a second for nothing.
 *
 * An account that may look into some namespaces only gets a watch in each of those that hold objects.
 */
export function createDriftWatch(options: DriftWatchOptions): DriftWatch {
  const watchers = new Map<string, Watcher>();
  const ending = new Set<Promise<void>>();

  const startWatcher = (kind: WatchedKind): Watcher => {
    const abort = new AbortController();
    const watcher: Pick<Watcher, "mode" | "namespaces"> = { mode: "starting", namespaces: kind.namespaces };
    const ended = followKind(kind, options, abort.signal, (mode) => {
      if (watcher.mode === mode) return;
      watcher.mode = mode;
      options.onMode();
    });
    return Object.assign(watcher, { abort, ended });
  };

  const stopWatcher = (id: string, watcher: Watcher): void => {
    watchers.delete(id);
    watcher.abort.abort();
    ending.add(watcher.ended);
    void watcher.ended.finally(() => ending.delete(watcher.ended));
  };

  return {
    setKinds(kinds) {
      const wanted = new Map(kinds.map((kind) => [`${kind.apiVersion}/${kind.kind}`, kind]));
      for (const [id, watcher] of [...watchers]) {
        if (!isSameSet(watcher.namespaces, wanted.get(id)?.namespaces)) stopWatcher(id, watcher);
      }
      for (const [id, kind] of wanted) if (!watchers.has(id)) watchers.set(id, startWatcher(kind));
    },
    modes: () => Object.fromEntries([...watchers].map(([id, { mode }]) => [id, mode])),
    async stop() {
      for (const [id, watcher] of [...watchers]) stopWatcher(id, watcher);
      await Promise.all(ending);
    },
  };
}

const isSameSet = (one: readonly string[], other: readonly string[] | undefined): boolean =>
  other !== undefined && one.length === other.length && one.every((name) => other.includes(name));

/** Undefined: all namespaces in one request. */
type Scope = string | undefined;

const everywhere: readonly Scope[] = [undefined];

async function followKind(
  kind: WatchedKind,
  options: DriftWatchOptions,
  signal: AbortSignal,
  setMode: (mode: WatchMode) => void,
): Promise<void> {
  const { logger, pollIntervalMs } = options;
  const backoff = createBackoff({ minMs: 500, maxMs: 30_000 });
  let mayWatch = true;
  let scopes = everywhere;
  while (!signal.aborted) {
    try {
      const versions = await listKind(kind, scopes, options, signal);
      setMode(mayWatch ? "watching" : "polling");
      backoff.reset();
      if (mayWatch) mayWatch = await watchScopes(kind, versions, options, signal);
      else await sleep(pollIntervalMs, signal);
    } catch (error) {
      if (signal.aborted) return;
      const isRefused = isUnsupported(error) && !isNoKindMatch(error);
      if (isRefused && scopes === everywhere && kind.namespaces.length > 0) scopes = kind.namespaces;
      else if (isRefused) {
        setMode("blind");
        options.onBlind(kind);
        scopes = everywhere;
        await sleep(pollIntervalMs, signal);
      } else {
        logger.debug(
          { apiVersion: kind.apiVersion, kind: kind.kind, error: errorMessage(error) },
          "watch failed",
        );
        await sleep(100 + backoff.next(), signal);
      }
    }
  }
}

/** Resolves to the version to watch from, for each scope. */
async function listKind(
  { apiVersion, kind }: KindId,
  scopes: readonly Scope[],
  options: DriftWatchOptions,
  signal: AbortSignal,
): Promise<Map<Scope, string>> {
  const { cluster, labelSelector, onObject, onListed } = options;
  const keys = new Set<string>();
  const versions = new Map<Scope, string>();
  for (const namespace of scopes) {
    const query = { apiVersion, kind, namespace, labelSelector, metadataOnly: true };
    for await (const page of listPages(cluster, query, { signal })) {
      for (const object of page.items) {
        const key = objectKey(refOf(object));
        keys.add(key);
        onObject(key, observationOf(object));
      }
      versions.set(namespace, page.resourceVersion);
    }
  }
  onListed({ apiVersion, kind }, keys);
  return versions;
}

/** Watches all scopes until the first of them has to be listed again; false when watching is not allowed. */
async function watchScopes(
  { apiVersion, kind }: KindId,
  versions: ReadonlyMap<Scope, string>,
  options: DriftWatchOptions,
  signal: AbortSignal,
): Promise<boolean> {
  const others = new AbortController();
  const either = AbortSignal.any([signal, others.signal]);
  const watches = [...versions].map(([namespace, since]) =>
    watchKind({ apiVersion, kind, namespace }, since, options, either),
  );
  try {
    return await Promise.race(watches);
  } finally {
    others.abort();
    await Promise.allSettled(watches);
  }
}

/** A missed event, however it came about, costs at most this long: everything is listed anew. */
const relistIntervalMs = 600_000;

/** Watches until it is time to list again; false when watching is not allowed. */
async function watchKind(
  kind: KindId & { readonly namespace: Scope },
  since: string,
  options: DriftWatchOptions,
  signal: AbortSignal,
): Promise<boolean> {
  let resourceVersion = since;
  const onEvent = ({ type, object }: WatchEvent): void => {
    resourceVersion = object.metadata.resourceVersion ?? resourceVersion;
    if (type === "BOOKMARK") return;
    options.onObject(objectKey(refOf(object)), type === "DELETED" ? undefined : observationOf(object));
  };
  const query = { ...kind, labelSelector: options.labelSelector, metadataOnly: true };
  const relistAtMs = performance.now() + relistIntervalMs * (0.9 + Math.random() * 0.2);
  while (!signal.aborted && performance.now() < relistAtMs) {
    const startedAtMs = performance.now();
    try {
      await options.cluster.watch(query, { resourceVersion, onEvent, signal });
    } catch (error) {
      if (isExpired(error)) return true;
      if (isUnsupported(error)) return false;
      throw error;
    }
    // A server that ends every watch at once must not be asked in a busy loop.
    if (performance.now() - startedAtMs < 1_000) await sleep(1_000, signal);
  }
  return true;
}

function observationOf(object: WatchEvent["object"]): Observation {
  return {
    ...markOf(object),
    deleting: object.metadata.deletionTimestamp !== undefined,
  };
}
