import { errorMessage, type Logger } from "@rciots/runtime";
import { limits } from "@rciots/protocol";
import { compress, decompress } from "../gzip.ts";
import type { KubeObject } from "../kube/cluster.ts";
import type { RevisionRecord } from "./revision.ts";
import type { StateStore } from "./state-store.ts";

/** How far the newest revision came. */
export type RevisionPhase = "pending" | "good" | "failed" | "rolled_back";

/** All that is needed to go on after kill -9; small, written often. */
export interface ReconcileState {
  readonly version: 1;
  /** The newest revision that was asked for. */
  readonly desired: RevisionRecord;
  readonly phase: RevisionPhase;
  /** Why it failed or was rolled back. */
  readonly reason?: string | undefined;
  /** How long it has been tried with the API server answering; the deadline counts this. */
  readonly spentMs: number;
  readonly startedAt: string;
  readonly finishedAt?: string | undefined;
  /** Revisions that were healthy, newest first, at most two: what runs, and what to go back to. */
  readonly good: readonly RevisionRecord[];
}

export interface RevisionStore {
  /** Undefined where nothing was ever asked for, or where the file was broken and is set aside. */
  loadState(): Promise<ReconcileState | undefined>;
  saveState(state: ReconcileState): Promise<void>;
  /** Undefined where the objects are missing or broken. */
  loadDocuments(digest: string): Promise<KubeObject[] | undefined>;
  saveDocuments(digest: string, documents: readonly KubeObject[]): Promise<void>;
  /** Removes the objects of all other revisions. */
  keepOnly(digests: readonly string[]): Promise<void>;
  loadInventory(): Promise<Buffer | undefined>;
  saveInventory(content: Buffer): Promise<void>;
  setAsideInventory(): Promise<void>;
  /** Forgets everything. */
  clear(): Promise<void>;
  /** Files that were found broken and set aside since the start. */
  readonly faults: readonly string[];
}

const stateName = "state.json";
const inventoryName = "inventory.json.gz";
const documentsName = (digest: string) => `documents-${digest}.ndjson.gz`;
const isDocumentsName = (name: string) => name.startsWith("documents-");

/** State and objects of revisions on top of a state store. */
export function createRevisionStore(store: StateStore, logger: Logger): RevisionStore {
  const faults: string[] = [];

  const setAside = async (name: string, error: unknown): Promise<void> => {
    const aside = await store.setAside(name).catch(() => "nowhere");
    const fault = `${name} is broken (${errorMessage(error)}); it was set aside as ${aside}`;
    faults.push(fault);
    logger.error({ file: name, aside }, fault);
  };

  const loadChecked = async <T>(
    name: string,
    parse: (content: Buffer) => T | Promise<T>,
  ): Promise<T | undefined> => {
    const content = await store.read(name);
    if (!content) return undefined;
    try {
      return await parse(content);
    } catch (error) {
      await setAside(name, error);
      return undefined;
    }
  };

  return {
    faults,
    loadState: () => loadChecked(stateName, parseState),
    saveState: (state) => store.write(stateName, Buffer.from(JSON.stringify(state))),
    loadDocuments: (digest) => loadChecked(documentsName(digest), parseDocuments),
    async saveDocuments(digest, documents) {
      const text = documents.map((document) => JSON.stringify(document)).join("\n");
      await store.write(documentsName(digest), await compress(text));
    },
    async keepOnly(digests) {
      const kept = new Set(digests.map(documentsName));
      for (const name of await store.list()) {
        if (isDocumentsName(name) && !kept.has(name)) await store.remove(name);
      }
    },
    loadInventory: () => store.read(inventoryName),
    saveInventory: (content) => store.write(inventoryName, content),
    setAsideInventory: () => setAside(inventoryName, new Error("it can't be read")),
    async clear() {
      for (const name of await store.list()) {
        if (name === stateName || name === inventoryName || isDocumentsName(name)) await store.remove(name);
      }
    },
  };
}

async function parseDocuments(content: Buffer): Promise<KubeObject[]> {
  // gzip's own checksum tells a broken file; the bound keeps a swollen one from filling the memory.
  const text = await decompress(content, { maxOutputLength: 2 * limits.bundleDecodedBytes });
  return parseNdjson(text.toString("utf8"));
}

/** Objects from one JSON document a line; empty lines are skipped. Throws where a line is not JSON. */
export function parseNdjson(text: string): KubeObject[] {
  return text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => JSON.parse(line) as KubeObject);
}

const phases: readonly string[] = ["pending", "good", "failed", "rolled_back"] satisfies RevisionPhase[];

function parseState(content: Buffer): ReconcileState {
  const state = JSON.parse(content.toString("utf8")) as ReconcileState;
  const sound =
    state.version === 1 &&
    isRecord(state.desired) &&
    phases.includes(state.phase) &&
    Number.isFinite(state.spentMs) &&
    typeof state.startedAt === "string" &&
    Array.isArray(state.good) &&
    state.good.every(isRecord);
  if (!sound) throw new Error("its content is not a state");
  return state;
}

function isRecord(value: unknown): value is RevisionRecord {
  const record = value as Partial<RevisionRecord> | undefined;
  return (
    typeof record === "object" &&
    Number.isInteger(record.revision) &&
    isDigest(record.digest) &&
    Number.isFinite(record.deadlineMs) &&
    typeof record.prune === "boolean"
  );
}

export const isDigest = (value: unknown): value is string =>
  typeof value === "string" && /^[0-9a-f]{64}$/.test(value);
