import { useSearchParams } from "react-router";
import { isHealth, type Health } from "./healths.ts";

interface Values {
  health: Health | null;
  kind: string;
  name: string;
}

export interface ObjectFilters extends Values {
  isActive: boolean;
  set: (change: Partial<Values>) => void;
  clear: () => void;
}

/** The filters of the list of objects, kept in the address. */
export function useObjectFilters(): ObjectFilters {
  const [search, setSearch] = useSearchParams();
  const word = search.get("health");
  const values: Values = {
    health: isHealth(word) ? word : null,
    kind: search.get("kind") ?? "",
    name: search.get("name") ?? "",
  };
  return {
    ...values,
    isActive: values.health !== null || values.kind !== "" || values.name !== "",
    set(change) {
      const entries = Object.entries({ ...values, ...change }).filter(
        (entry): entry is [string, string] => entry[1] !== null && entry[1] !== "",
      );
      setSearch(new URLSearchParams(entries), { replace: true });
    },
    clear: () => setSearch(new URLSearchParams(), { replace: true }),
  };
}
