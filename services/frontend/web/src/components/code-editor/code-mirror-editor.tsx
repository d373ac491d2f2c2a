import { indentWithTab } from "@codemirror/commands";
import { lintGutter, setDiagnostics, type Diagnostic } from "@codemirror/lint";
import { Compartment, EditorState, type Extension } from "@codemirror/state";
import { EditorView, keymap } from "@codemirror/view";
import { basicSetup } from "codemirror";
import { useEffect, useEffectEvent, useRef, type ReactNode, type RefObject } from "react";
import { useIsDark } from "../../theme/theme.ts";
import type { CodeEditorProps } from "./code-editor.tsx";
import { rangeOf, type EditorFault, type EditorTarget } from "./editor-fault.ts";
import { commonExtensions } from "./editor-extensions.ts";

interface Props extends CodeEditorProps {
  /** The element that says how to leave it with the keyboard. */
  hintId?: string;
}

const noFaults: readonly EditorFault[] = [];

function toDiagnostics(state: EditorState, faults: readonly EditorFault[]): Diagnostic[] {
  return faults.map((fault) => ({
    ...rangeOf(state.doc, fault),
    severity: fault.severity ?? "error",
    message: fault.message,
  }));
}

/** The CodeMirror view in `host`; what React says later is brought into it by the effects below. */
function useView(
  host: RefObject<HTMLDivElement | null>,
  shownRef: RefObject<string>,
  props: Props,
): RefObject<EditorView | null> {
  const view = useRef<EditorView | null>(null);
  const look = useRef(new Compartment());
  const isDark = useIsDark();
  const { label, language = "yaml", hintId } = props;
  const isReadOnly = props.onChange === undefined;
  const changed = useEffectEvent((text: string) => {
    shownRef.current = text;
    props.onChange?.(text);
  });
  const initial = useEffectEvent((): Extension => [
    basicSetup,
    isReadOnly ? [] : keymap.of([indentWithTab]),
    lintGutter(),
    look.current.of(commonExtensions({ language, isDark, label, isReadOnly, hintId })),
    EditorView.updateListener.of((update) => {
      if (update.docChanged) changed(update.state.doc.toString());
    }),
  ]);
  const firstText = useEffectEvent(() => props.value);

  useEffect(() => {
    if (host.current === null) return undefined;
    const state = EditorState.create({ doc: firstText(), extensions: initial() });
    const created = new EditorView({ state, parent: host.current });
    view.current = created;
    return () => {
      created.destroy();
      view.current = null;
    };
  }, [host]);

  useEffect(() => {
    const extensions = commonExtensions({ language, isDark, label, isReadOnly, hintId });
    view.current?.dispatch({ effects: look.current.reconfigure(extensions) });
  }, [language, isDark, label, isReadOnly, hintId]);
  return view;
}

function goTo(view: EditorView, target: EditorTarget): void {
  const { from } = rangeOf(view.state.doc, target);
  view.dispatch({
    selection: { anchor: from },
    effects: EditorView.scrollIntoView(from, { y: "center" }),
  });
  view.focus();
}

/** Use `CodeEditor`, which loads this when it is needed. */
export function CodeMirrorEditor(props: Props): ReactNode {
  const host = useRef<HTMLDivElement>(null);
  const { value, faults = noFaults, target } = props;
  const shownRef = useRef(value);
  const view = useView(host, shownRef, props);

  useEffect(() => {
    const current = view.current;
    // The editor's own text comes back as `value`: only what came from elsewhere is put in.
    if (current === null || shownRef.current === value) return;
    current.dispatch({ changes: { from: 0, to: current.state.doc.length, insert: value } });
  }, [view, value]);

  useEffect(() => {
    const current = view.current;
    if (current === null) return;
    current.dispatch(setDiagnostics(current.state, toDiagnostics(current.state, faults)));
  }, [view, faults]);

  useEffect(() => {
    if (view.current !== null && target !== undefined) goTo(view.current, target);
  }, [view, target]);

  return <div ref={host} className="rciots-code-host" />;
}
