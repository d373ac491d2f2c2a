import { useLocation, useSearchParams } from "react-router";
import { sortNames, type DeviceSort } from "./device-filter.ts";

const sizes = [20, 50, 100];
const defaultSize = 50;

export interface DevicePaging {
  page: number;
  perPage: number;
  sizes: number[];
  sort: DeviceSort;
  cursor: string | undefined;
  /** To the next page, which `nextCursor` of this one leads to, or one page back. */
  turn: (page: number, nextCursor: string | null) => void;
  setPerPage: (perPage: number) => void;
  setSort: (sort: DeviceSort) => void;
}

/** Cursors of the pages before, kept with the history entry: a reload has them, a link sent to others not. */
function cursorsOf(state: unknown): (string | undefined)[] {
  if (typeof state !== "object" || state === null || !("cursors" in state)) return [];
  return Array.isArray(state.cursors) ? (state.cursors as (string | undefined)[]) : [];
}

/** Which page of the list, in which order; the API's cursors lead from each page to the next. */
export function useDevicePaging(): DevicePaging {
  const [params, setParams] = useSearchParams();
  const location = useLocation();
  const cursor = params.get("cursor") ?? undefined;
  const page = cursor === undefined ? 1 : Math.max(2, Number(params.get("page")) || 2);
  const perPage = sizes.find((size) => String(size) === params.get("limit")) ?? defaultSize;
  const wanted = params.get("sort") ?? "";
  const sort = Object.hasOwn(sortNames, wanted) ? (wanted as DeviceSort) : "newest";
  const before = cursorsOf(location.state);

  function go(next: { page: number; cursor: string | undefined; cursors: (string | undefined)[] }): void {
    const changed = new URLSearchParams(params);
    changed.delete("page");
    changed.delete("cursor");
    if (next.cursor !== undefined) {
      changed.set("page", String(next.page));
      changed.set("cursor", next.cursor);
    }
    setParams(changed, { state: { cursors: next.cursors } });
  }

  function restart(key: string, value: string): void {
    const changed = new URLSearchParams(params);
    for (const name of ["page", "cursor"]) changed.delete(name);
    changed.set(key, value);
    setParams(changed, { replace: true });
  }

  return {
    page,
    perPage,
    sizes,
    sort,
    cursor,
    turn(wantedPage, nextCursor) {
      if (wantedPage > page && nextCursor !== null) {
        go({ page: page + 1, cursor: nextCursor, cursors: [...before, cursor] });
      } else if (wantedPage < page) {
        const isKnown = before.length > 0 && wantedPage === page - 1;
        go({
          page: isKnown ? page - 1 : 1,
          cursor: isKnown ? before.at(-1) : undefined,
          cursors: isKnown ? before.slice(0, -1) : [],
        });
      }
    },
    setPerPage: (size) => restart("limit", String(size)),
    setSort: (next) => restart("sort", next),
  };
}
