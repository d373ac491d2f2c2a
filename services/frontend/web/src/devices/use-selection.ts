import { useState } from "react";
import type { Device, DeviceFilter } from "./device-filter.ts";
import { toSelector } from "./device-filter.ts";
import type { BulkTarget } from "./use-bulk.ts";

export interface Selection {
  count: number;
  isAll: boolean;
  has: (id: string) => boolean;
  toggle: (id: string) => void;
  selectPage: () => void;
  selectAll: () => void;
  clear: () => void;
  target: BulkTarget;
}

/** Which devices of the list are ticked: some, across pages, or all that match, also those on other pages. */
export function useSelection(filter: DeviceFilter, shown: readonly Device[], total: number): Selection {
  const [ids, setIds] = useState<ReadonlySet<string>>(new Set());
  const [isAll, setIsAll] = useState(false);
  // What was ticked under another filter is out of sight.
  const key = JSON.stringify(filter);
  const [knownKey, setKnownKey] = useState(key);
  if (knownKey !== key) {
    setKnownKey(key);
    setIds(new Set());
    setIsAll(false);
  }
  function pick(next: ReadonlySet<string>): void {
    setIds(next);
    setIsAll(false);
  }
  return {
    count: isAll ? total : ids.size,
    isAll,
    has: (id) => isAll || ids.has(id),
    toggle(id) {
      const next = new Set(isAll ? shown.map((device) => device.id) : ids);
      if (!next.delete(id)) next.add(id);
      pick(next);
    },
    selectPage: () => pick(new Set([...ids, ...shown.map(({ id }) => id)])),
    selectAll: () => setIsAll(true),
    clear: () => pick(new Set()),
    target: isAll ? { selector: toSelector(filter), count: total } : { ids: [...ids], count: ids.size },
  };
}
