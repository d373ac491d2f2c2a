import type { ObjectHealth, ObjectStatus } from "@rciots/protocol";
import type { Store } from "@rciots/store";
import { decodeCursor, encodeCursor, type Page } from "../http/cursor.ts";

/** A report has at most this many pages (see the protocol's `objects:report`). */
const maxPages = 64;

/**
 * A page of the objects a device last reported, in the order it reported them (the worst first). They are kept
 * in pieces; the first piece says how many belong to the last report, so that leftovers of a longer one before
 * it are never shown.
 */
export async function readReportedObjects(options: {
  store: Pick<Store, "devices">;
  organizationId: string;
  deviceId: string;
  limit: number;
  cursor: string | undefined;
  health?: ObjectHealth | undefined;
  kind?: string | undefined;
  /** Part of the name. */
  q?: string | undefined;
}): Promise<Page<ObjectStatus> & { revision: number | null }> {
  const { store, organizationId, deviceId, limit, health, kind, q } = options;
  const cursorKind = `objects-${deviceId}`;
  const isWanted = (object: ObjectStatus): boolean =>
    (health === undefined || object.health === health) &&
    (kind === undefined || object.kind.toLowerCase() === kind.toLowerCase()) &&
    (q === undefined || object.name.includes(q.toLowerCase()));
  const first = await store.devices.findObjects(organizationId, deviceId, 0);
  if (first === null) return { items: [], nextCursor: null, revision: null };

  const position = decodeCursor(cursorKind, options.cursor) ?? "0:0";
  const [startPage = 0, startIndex = 0] = position.split(":").map(Number);
  const pageCount = Math.min(first.pages, maxPages);
  const items: ObjectStatus[] = [];
  for (let page = startPage; page < pageCount; page += 1) {
    const piece = page === 0 ? first : await store.devices.findObjects(organizationId, deviceId, page);
    const objects = piece?.objects ?? [];
    for (let index = page === startPage ? startIndex : 0; index < objects.length; index += 1) {
      const object = objects[index];
      if (object === undefined || !isWanted(object)) continue;
      if (items.length === limit) {
        return { items, nextCursor: encodeCursor(cursorKind, `${page}:${index}`), revision: first.revision };
      }
      items.push(object);
    }
  }
  return { items, nextCursor: null, revision: first.revision };
}
