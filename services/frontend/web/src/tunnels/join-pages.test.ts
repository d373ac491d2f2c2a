import assert from "node:assert/strict";
import type { Pages } from "../components/use-pages.ts";
import { joinPages } from "./join-pages.ts";
import type { Way } from "./tunnel-queries.ts";

const at = (minute: number): string => `2030-01-01T00:${String(minute).padStart(2, "0")}:00.000Z`;
const way = (kind: Way["kind"], minute: number): Way =>
  ({ kind, tunnel: { id: `${kind}${minute}`, createdAt: at(minute) } }) as unknown as Way;

/** A list of which as much is loaded as a page holds, and more when it is asked for. */
function listOf(kind: Way["kind"], minutes: readonly number[], pageSize: number) {
  let loaded = pageSize;
  return (): Pages<Way> => ({
    items: minutes.slice(0, loaded).map((minute) => way(kind, minute)),
    isPending: false,
    error: null,
    hasMore: loaded < minutes.length,
    isLoadingMore: false,
    loadMore: () => (loaded += pageSize),
    retry: () => undefined,
  });
}

describe("when two lists are paged as one", () => {
  it("shows all of both, in their order, with nothing put in between later", () => {
    const ports = listOf("port", [59, 58, 57, 20, 19, 2], 2);
    const names = listOf("web", [50, 40, 30, 10, 1], 2);
    let shown: number[] = [];
    for (let round = 0; round < 20; round += 1) {
      const pages = joinPages(ports(), names());
      const minutes = pages.items.map(({ tunnel }) => Number(tunnel.createdAt.slice(14, 16)));
      assert.deepEqual(minutes.slice(0, shown.length), shown);
      shown = minutes;
      if (!pages.hasMore) break;
      pages.loadMore();
    }
    assert.deepEqual(shown, [59, 58, 57, 50, 40, 30, 20, 19, 10, 2, 1]);
  });

  it("ends where both end, and tells the fault of either", () => {
    const [ports, names] = [listOf("port", [2], 5)(), listOf("web", [1], 5)()];
    assert.equal(joinPages(ports, names).hasMore, false);
    const error = new Error("no");
    assert.equal(joinPages(ports, { ...names, error }).error, error);
  });
});
