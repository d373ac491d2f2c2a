import { Skeleton } from "@patternfly/react-core";
import { lazy, Suspense, type ReactNode } from "react";
import { useMediaQuery } from "../use-media-query.ts";
import "../code-editor/code-editor.css";
import "./diff-view.css";

const MergeDiff = lazy(async () => ({ default: (await import("./merge-diff.tsx")).MergeDiff }));

export interface DiffViewProps {
  before: string;
  after: string;
  /** What each side is, such as `Version 3`. */
  beforeLabel: string;
  afterLabel: string;
  /** Default `yaml`. */
  language?: "yaml" | "text";
}

/** Two texts compared: side by side where there is room, else one below the other. What is equal is folded away. */
export function DiffView(props: DiffViewProps): ReactNode {
  const isWide = useMediaQuery("(min-width: 62rem)");
  const { before, after, beforeLabel, afterLabel } = props;
  if (before === after) return <p className="rciots-muted">Nothing differs.</p>;
  return (
    <div className="rciots-code rciots-diff">
      <div className="rciots-diff-labels">
        <span>{isWide ? beforeLabel : `${beforeLabel} to ${afterLabel}`}</span>
        {isWide && <span>{afterLabel}</span>}
      </div>
      <Suspense fallback={<Skeleton height="12rem" screenreaderText="Loading the comparison" />}>
        <MergeDiff {...props} layout={isWide ? "side-by-side" : "unified"} />
      </Suspense>
    </div>
  );
}
