import { Skeleton } from "@patternfly/react-core";
import { lazy, Suspense, useId, type ReactNode } from "react";
import type { EditorFault, EditorTarget } from "./editor-fault.ts";
import "./code-editor.css";

const CodeMirrorEditor = lazy(async () => ({
  default: (await import("./code-mirror-editor.tsx")).CodeMirrorEditor,
}));

export interface CodeEditorProps {
  value: string;
  /** What a screen reader calls it, such as the file's name. */
  label: string;
  /** Absent: read-only. */
  onChange?: (value: string) => void;
  /** Default `yaml`. */
  language?: "yaml" | "text";
  /** Marked at their lines. */
  faults?: readonly EditorFault[];
  /** A place to go to; a new object goes there again. */
  target?: EditorTarget | undefined;
  /** `fill` takes the height of what it stands in; `content` grows with the text up to a limit. Default `content`. */
  height?: "content" | "fill";
}

/**
 * Text with line numbers, search and folding; CodeMirror comes in a chunk of its own. Give it a `key` of what it
 * shows (a file's path), so that undo doesn't reach into another text.
 */
export function CodeEditor(props: CodeEditorProps): ReactNode {
  const hintId = useId();
  const isEditable = props.onChange !== undefined;
  return (
    <div className={`rciots-code rciots-code-${props.height ?? "content"}`}>
      <Suspense fallback={<Skeleton height="12rem" screenreaderText={`Loading ${props.label}`} />}>
        <CodeMirrorEditor {...props} {...(isEditable ? { hintId } : {})} />
      </Suspense>
      {isEditable && (
        <p id={hintId} className="rciots-code-hint">
          Tab indents. Press Escape, then Tab, to leave the editor.
        </p>
      )}
    </div>
  );
}
