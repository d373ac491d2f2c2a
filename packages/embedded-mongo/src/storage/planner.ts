import { afterPrefix } from "../bson/key.ts";
import { isDocument, isNumeric, numberOf, type Value } from "../bson/values.ts";
import { CommandError } from "../errors.ts";
import type { Conjunct, Filter } from "../query/filter.ts";
import type { SortField } from "../query/sort.ts";
import { boundsOf } from "./bounds.ts";
import type { Collection, Index } from "./catalog.ts";
import { partialCovers, sparseCovers } from "./index-coverage.ts";

/** Keys from `from` up to but without `below`. */
export interface KeyRange {
  readonly from: Buffer;
  readonly below: Buffer | undefined;
}

export interface IndexAccess {
  readonly name: string;
  readonly keyPattern: ReadonlyMap<string, Value>;
  /** Undefined for `_id`, whose keys stand in the documents' own table. */
  readonly index: Index | undefined;
}

export type Plan =
  | { readonly kind: "nothing" }
  | { readonly kind: "collection"; readonly reverse: boolean }
  | {
      readonly kind: "index";
      readonly access: IndexAccess;
      /** In key order and apart from each other. */
      readonly ranges: readonly KeyRange[];
      readonly reverse: boolean;
      /** Every range is one whole key of a unique index: `from` leads to one document at most. */
      readonly unique: boolean;
    }
  | { readonly kind: "union"; readonly plans: readonly Plan[] };

export interface PlannedQuery {
  readonly plan: Plan;
  /** The plan gives documents in the order the sort asks for. */
  readonly sorted: boolean;
}

/** Bounds over several fields multiply; past this many the remaining fields are left to the filter. */
const MAX_RANGES = 20_000;

interface Candidate extends PlannedQuery {
  readonly score: number;
}

interface Accessible extends IndexAccess {
  readonly fields: readonly { readonly name: string; readonly descending: boolean }[];
  readonly unique: boolean;
  readonly multikey: boolean;
}

export interface PlanRequest {
  readonly collection: Collection;
  readonly filter: Filter;
  readonly sort: readonly SortField[];
  readonly hint?: Value | undefined;
  /** Indexes the reader cannot use, because they are newer than its snapshot. */
  readonly usable?: (index: Index) => boolean;
}

/** Chooses an index by rules, not by trying: equality first, then ranges, then order. */
export function planQuery(request: PlanRequest): PlannedQuery {
  const all = accessesOf(request);
  const accesses = all.filter((access) => covers(access, request.filter));
  const hinted = request.hint === undefined ? undefined : resolveHint(request.hint, accesses);
  if (hinted === "natural" || hinted === "reverse") {
    return { plan: { kind: "collection", reverse: hinted === "reverse" }, sorted: request.sort.length === 0 };
  }
  const { filter, sort } = request;
  const candidates = (hinted ? [hinted] : accesses)
    .map((access) => candidateOf(access, filter, sort, hinted !== undefined))
    .filter((candidate) => candidate !== undefined);
  const best = candidates.reduce<Candidate | undefined>(
    (chosen, candidate) => (chosen && chosen.score >= candidate.score ? chosen : candidate),
    undefined,
  );
  if (!hinted && (!best || best.score < scores.union)) {
    const union = unionOf(all, filter);
    if (union) return { plan: union, sorted: sort.length === 0 };
  }
  return best ?? { plan: { kind: "collection", reverse: false }, sorted: sort.length === 0 };
}

const scores = {
  uniquePoint: 100_000,
  point: 1000,
  points: 500,
  range: 300,
  union: 250,
  order: 50,
  hinted: 1,
};

const idAccess: Accessible = {
  name: "_id_",
  keyPattern: new Map([["_id", 1]]),
  index: undefined,
  fields: [{ name: "_id", descending: false }],
  unique: true,
  multikey: false,
};

/** A sparse or partial index may lack documents that the filter matches. */
function covers({ index }: Accessible, filter: Filter): boolean {
  return !index || (partialCovers(index, filter) && sparseCovers(index, filter));
}

function accessesOf({ collection, usable = () => true }: PlanRequest): Accessible[] {
  const secondary = collection.indexes.filter(usable).map((index) => ({
    name: index.name,
    keyPattern: index.keyPattern,
    index,
    fields: index.fields,
    unique: index.unique,
    multikey: index.multikey,
  }));
  return [idAccess, ...secondary];
}

function resolveHint(hint: Value, accesses: readonly Accessible[]): Accessible | "natural" | "reverse" {
  if (isDocument(hint)) {
    const natural = hint.get("$natural");
    if (natural !== undefined) return isNumeric(natural) && numberOf(natural) < 0 ? "reverse" : "natural";
    const found = accesses.find((access) => samePattern(access, hint));
    if (found) return found;
  } else if (typeof hint === "string") {
    const found = accesses.find((access) => access.name === hint);
    if (found) return found;
  } else throw new CommandError("FailedToParse", "Hint must be a string or an object");
  throw new CommandError(
    "BadValue",
    "error processing query: planner returned error: hint provided does not correspond to an existing index",
  );
}

function samePattern(access: Accessible, hint: ReadonlyMap<string, Value>): boolean {
  const asked = [...hint];
  return (
    asked.length === access.fields.length &&
    access.fields.every(({ name, descending }, at) => {
      const [askedName, direction] = asked[at] as [string, Value];
      return askedName === name && isNumeric(direction) && numberOf(direction) < 0 === descending;
    })
  );
}

interface Bounded {
  readonly ranges: readonly KeyRange[];
  readonly score: number;
  /** Leading fields fixed to one value each. */
  readonly fixed: ReadonlySet<string>;
  readonly wholeKeys: boolean;
}

function candidateOf(
  access: Accessible,
  filter: Filter,
  sort: readonly SortField[],
  forced: boolean,
): Candidate | undefined {
  const bounded = boundRanges(access, filter.conjuncts);
  if (bounded.ranges.length === 0) return { plan: { kind: "nothing" }, sorted: true, score: Infinity };
  const direction = sort.length === 0 ? "forward" : sortDirection(access, bounded.fixed, sort);
  const sorted = direction !== undefined;
  const score = bounded.score + (sorted && sort.length > 0 ? scores.order : 0) + (forced ? scores.hinted : 0);
  if (score === 0) return undefined;
  const plan: Plan = {
    kind: "index",
    access,
    ranges: bounded.ranges,
    reverse: direction === "reverse",
    unique: access.unique && bounded.wholeKeys,
  };
  return { plan, sorted, score };
}

function boundRanges(access: Accessible, conjuncts: readonly Conjunct[]): Bounded {
  let prefixes: Buffer[] = [Buffer.alloc(0)];
  let score = 0;
  const fixed = new Set<string>();
  let pointed = 0;
  for (const field of access.fields) {
    const own = conjuncts.filter((conjunct) => conjunct.path === field.name);
    const bounds = boundsOf(own, field.descending, access.multikey);
    if (!bounds) break;
    if (bounds.kind === "range") {
      score += scores.range + partialScore(access);
      return { ranges: prefixes.map((prefix) => joined(prefix, bounds)), score, fixed, wholeKeys: false };
    }
    if (prefixes.length * bounds.keys.length > MAX_RANGES && prefixes.length > 1) break;
    prefixes = prefixes.flatMap((prefix) => bounds.keys.map((key) => Buffer.concat([prefix, key])));
    pointed++;
    score += bounds.keys.length === 1 ? scores.point : scores.points;
    if (bounds.keys.length === 1) fixed.add(field.name);
  }
  if (score > 0) score += partialScore(access);
  if (access.unique && fixed.size === access.fields.length) score = scores.uniquePoint;
  const ranges = prefixes.map((prefix) => ({ from: prefix, below: afterPrefix(prefix) }));
  return { ranges, score, fixed, wholeKeys: pointed === access.fields.length };
}

/** The filter of a partial index narrows it as a fixed leading field would. */
function partialScore({ index }: Accessible): number {
  return (index?.partialSource?.size ?? 0) * scores.point;
}

function joined(prefix: Buffer, range: { from: Buffer; below: Buffer | undefined }): KeyRange {
  return {
    from: Buffer.concat([prefix, range.from]),
    below: range.below ? Buffer.concat([prefix, range.below]) : afterPrefix(prefix),
  };
}

/** Fields fixed to one value are in any order; the others have to follow the index, all one way. */
function sortDirection(
  access: Accessible,
  fixed: ReadonlySet<string>,
  sort: readonly SortField[],
): "forward" | "reverse" | undefined {
  if (access.multikey) return undefined;
  const asked = sort.filter((field) => !fixed.has(field.name));
  const given = access.fields.filter((field) => !fixed.has(field.name));
  if (asked.length > given.length) return undefined;
  let reverse: boolean | undefined;
  for (let at = 0; at < asked.length; at++) {
    const field = asked[at] as SortField;
    const indexed = given[at];
    if (indexed?.name !== field.name) return undefined;
    const opposite = indexed.descending !== field.descending;
    if (reverse !== undefined && reverse !== opposite) return undefined;
    reverse = opposite;
  }
  return reverse ? "reverse" : "forward";
}

/** Each branch of an `$or` by an index of its own; undefined when one of them has none. */
function unionOf(accesses: readonly Accessible[], filter: Filter): Plan | undefined {
  for (const branches of filter.alternatives) {
    const plans = branches.map((branch) => branchPlan(accesses, branch));
    if (plans.every((plan) => plan !== undefined)) return { kind: "union", plans };
  }
  return undefined;
}

function branchPlan(accesses: readonly Accessible[], branch: Filter): Plan | undefined {
  const candidates = accesses
    .filter((access) => covers(access, branch))
    .map((access) => candidateOf(access, branch, [], false))
    .filter((candidate) => candidate !== undefined)
    .sort((a, b) => b.score - a.score);
  return candidates[0]?.plan ?? unionOf(accesses, branch);
}
