import { decodeDocument, decodeFields } from "../bson/decode.ts";
import { RawDocument, type Document, type Value } from "../bson/values.ts";
import type { Variables } from "../aggregate/expression.ts";
import { CommandError } from "../errors.ts";
import type { Collection } from "../storage/catalog.ts";
import { planQuery, type PlannedQuery } from "../storage/planner.ts";
import { readRow, scanRows, type ScanStats, type StoredRow, type View } from "../storage/scan.ts";
import { compileFilter, type Filter, type MatchPosition } from "./filter.ts";
import { compareSortKeys, parseSort, sortKeyOf, type SortField, type SortKey } from "./sort.ts";

export interface QueryRequest {
  readonly filter: Document;
  readonly sort?: Value | undefined;
  readonly skip?: number;
  /** Zero means no limit. */
  readonly limit?: number;
  readonly hint?: Value | undefined;
  readonly variables?: Variables | undefined;
}

export interface QueryContext {
  readonly view: View;
  readonly deadline: number;
}

export interface MatchedRow extends StoredRow {
  readonly position: MatchPosition;
}

export interface Query {
  readonly planned: PlannedQuery;
  readonly stats: ScanStats;
  readonly filter: Filter;
  rows(): Generator<MatchedRow, void>;
}

/** Rows between two looks at the clock. */
const DEADLINE_STRIDE = 256;
/** An in-memory sort keeps keys and document numbers, and the documents too while they are few. */
const SORT_KEPT_BYTES = 16 * 1024 * 1024;
const MAX_SORTED_ROWS = 2_000_000;

/** Plans a query. Throws CommandError for a filter, sort or hint that is wrong. */
export function prepareQuery(context: QueryContext, collection: Collection, request: QueryRequest): Query {
  const { view } = context;
  const filter = compileFilter(request.filter, request.variables ? { variables: request.variables } : {});
  const sort = parseSort(request.sort);
  const chosen = planQuery({
    collection,
    filter,
    sort,
    hint: request.hint,
    usable: (index) => index.since <= view.snapshot,
  });
  const hasOverlay = (view.overlay(collection)?.documents.size ?? 0) > 0;
  const planned = hasOverlay && sort.length > 0 ? { ...chosen, sorted: false } : chosen;
  const stats: ScanStats = { keysExamined: 0, docsExamined: 0 };
  const prepared = { context, collection, filter, sort, planned, stats, request };
  return { planned, stats, filter, rows: () => windowed(prepared) };
}

interface Prepared {
  readonly context: QueryContext;
  readonly collection: Collection;
  readonly filter: Filter;
  readonly sort: readonly SortField[];
  readonly planned: PlannedQuery;
  readonly stats: ScanStats;
  readonly request: QueryRequest;
}

function* windowed(prepared: Prepared): Generator<MatchedRow, void> {
  const { skip = 0, limit = 0 } = prepared.request;
  const rows = prepared.planned.sorted ? matching(prepared) : sorted(prepared, limit > 0 ? skip + limit : 0);
  let seen = 0;
  for (const row of rows) {
    if (seen++ < skip) continue;
    yield row;
    if (limit > 0 && seen >= skip + limit) return;
  }
}

function* matching({ context, collection, filter, planned, stats }: Prepared): Generator<MatchedRow, void> {
  let sinceCheck = 0;
  for (const { rid, bytes } of scanRows(context.view, collection, planned.plan, stats)) {
    if (++sinceCheck >= DEADLINE_STRIDE) {
      sinceCheck = 0;
      if (performance.now() > context.deadline)
        throw new CommandError("MaxTimeMSExpired", "operation exceeded time limit");
    }
    const position: MatchPosition = { index: undefined };
    if (filter.isEmpty || filter.matches(seenBy(filter, bytes), position)) yield { rid, bytes, position };
  }
}

function seenBy(filter: Filter, bytes: Uint8Array): Document {
  return filter.fields ? decodeFields(bytes, filter.fields) : decodeDocument(bytes);
}

interface SortEntry {
  readonly rid: number;
  readonly key: SortKey;
  readonly position: MatchPosition;
  /** The order of arrival keeps equal documents in it. */
  readonly arrival: number;
  bytes: Uint8Array | undefined;
}

/** `keep` greater than zero holds no more than that many rows at a time. */
function* sorted(prepared: Prepared, keep: number): Generator<MatchedRow, void> {
  const { sort, context, collection } = prepared;
  const entries = new SortedRows(sort, keep);
  const roots = new Set(sort.map((field) => field.path[0] as string));
  for (const row of matching(prepared)) entries.add(row, sortKeyOf(decodeFields(row.bytes, roots), sort));
  for (const { rid, position, bytes } of entries.inOrder()) {
    const current = bytes ?? readRow(context.view, collection, rid);
    if (current) yield { rid, bytes: current, position };
  }
}

/** A growing list that is cut back to its first `keep` entries whenever it reaches twice as many. */
class SortedRows {
  private entries: SortEntry[] = [];
  private arrivals = 0;
  private keptBytes = 0;
  private readonly sort: readonly SortField[];
  private readonly keep: number;

  constructor(sort: readonly SortField[], keep: number) {
    this.sort = sort;
    this.keep = keep;
  }

  add(row: MatchedRow, key: SortKey): void {
    this.keptBytes += row.bytes.length;
    const bytes = this.keptBytes <= SORT_KEPT_BYTES ? row.bytes : undefined;
    this.entries.push({ rid: row.rid, key, position: row.position, arrival: this.arrivals++, bytes });
    if (this.keep > 0 && this.entries.length >= this.keep * 2 + 64) this.cut();
    if (this.entries.length > MAX_SORTED_ROWS) {
      throw new CommandError(
        "QueryExceededMemoryLimitNoDiskUseAllowed",
        `Sort exceeded memory limit of ${MAX_SORTED_ROWS} documents`,
      );
    }
  }

  private cut(): void {
    this.entries = this.inOrder().slice(0, this.keep);
    this.keptBytes = this.entries.reduce((sum, entry) => sum + (entry.bytes?.length ?? 0), 0);
  }

  inOrder(): SortEntry[] {
    return this.entries.sort((a, b) => compareSortKeys(a.key, b.key, this.sort) || a.arrival - b.arrival);
  }
}

export function rawOf(row: StoredRow): RawDocument {
  return new RawDocument(row.bytes);
}
