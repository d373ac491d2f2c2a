import { Timestamp, TimestampTooltipVariant } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { relativeTime } from "./relative-time.ts";
import { useNow } from "./use-now.ts";

/** A time relative to now, the exact one on hover and on focus. `at` is ISO 8601; null is shown as `never`. */
export function TimeAgo({ at, never = "never" }: { at: string | null; never?: string }): ReactNode {
  const now = useNow();
  if (at === null) return never;
  const date = new Date(at);
  return (
    <Timestamp
      date={date}
      tooltip={{ variant: TimestampTooltipVariant.custom, content: date.toLocaleString() }}
    >
      {relativeTime(date, now)}
    </Timestamp>
  );
}
