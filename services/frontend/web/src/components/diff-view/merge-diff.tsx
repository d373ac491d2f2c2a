import { MergeView, unifiedMergeView } from "@codemirror/merge";
import { EditorState, type Extension } from "@codemirror/state";
import { EditorView, lineNumbers } from "@codemirror/view";
import { useEffect, useRef, type ReactNode } from "react";
import { useIsDark } from "../../theme/theme.ts";
import { commonExtensions } from "../code-editor/editor-extensions.ts";
import type { DiffViewProps } from "./diff-view.tsx";

interface Props extends DiffViewProps {
  layout: "side-by-side" | "unified";
}

const settings = {
  collapseUnchanged: { margin: 3, minSize: 6 },
  // Texts of a megabyte that have little in common must not hold the page.
  diffConfig: { scanLimit: 2_000, timeout: 1_000 },
};

function show(parent: HTMLElement, props: Props, isDark: boolean): { destroy: () => void } {
  const { before, after, beforeLabel, afterLabel, language = "yaml" } = props;
  const extensionsOf = (label: string): Extension => [
    lineNumbers(),
    EditorView.lineWrapping,
    commonExtensions({ language, isDark, label, isReadOnly: true }),
  ];
  if (props.layout === "side-by-side") {
    return new MergeView({
      a: { doc: before, extensions: extensionsOf(beforeLabel) },
      b: { doc: after, extensions: extensionsOf(afterLabel) },
      parent,
      ...settings,
    });
  }
  const changes = unifiedMergeView({ original: before, mergeControls: false, ...settings });
  const label = `Changes from ${beforeLabel} to ${afterLabel}`;
  const state = EditorState.create({ doc: after, extensions: [extensionsOf(label), changes] });
  return new EditorView({ state, parent });
}

/** Use `DiffView`, which loads this when it is needed. */
export function MergeDiff(props: Props): ReactNode {
  const host = useRef<HTMLDivElement>(null);
  const isDark = useIsDark();
  const { before, after, beforeLabel, afterLabel, language, layout } = props;
  useEffect(() => {
    if (host.current === null) return undefined;
    const choices = { before, after, beforeLabel, afterLabel, layout };
    const view = show(host.current, language === undefined ? choices : { ...choices, language }, isDark);
    return () => view.destroy();
  }, [before, after, beforeLabel, afterLabel, language, layout, isDark]);
  return <div ref={host} className="rciots-code-host rciots-diff-host" />;
}
