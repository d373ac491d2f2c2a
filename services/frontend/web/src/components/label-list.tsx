import { Label, LabelGroup } from "@patternfly/react-core";
import type { ReactNode } from "react";

interface LabelListProps {
  labels: Record<string, string>;
  /** How many show before the rest is folded away; default 4. */
  max?: number;
  /** Where a click leads, such as the list filtered by it. */
  hrefOf?: (key: string, value: string) => string;
}

/** Labels of a device as `key=value`. */
export function LabelList({ labels, max = 4, hrefOf }: LabelListProps): ReactNode {
  const entries = Object.entries(labels).sort(([a], [b]) => a.localeCompare(b));
  if (entries.length === 0) return <span className="rciots-muted">none</span>;
  return (
    <LabelGroup numLabels={max} aria-label="Labels">
      {entries.map(([key, value]) => (
        <Label key={key} isCompact {...(hrefOf === undefined ? {} : { href: hrefOf(key, value) })}>
          {value === "" ? key : `${key}=${value}`}
        </Label>
      ))}
    </LabelGroup>
  );
}
