import { yaml } from "@codemirror/lang-yaml";
import { HighlightStyle, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { EditorState, type Extension } from "@codemirror/state";
import { Decoration, EditorView, MatchDecorator, ViewPlugin, type ViewUpdate } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { cspNonce } from "./csp-nonce.ts";

/** The colours are those of code-editor.css, which knows the theme. */
const highlighting = HighlightStyle.define([
  { tag: [tags.definition(tags.propertyName), tags.propertyName], class: "rciots-code-key" },
  { tag: [tags.comment, tags.lineComment], class: "rciots-code-comment" },
  { tag: [tags.string, tags.content], class: "rciots-code-text" },
  { tag: [tags.number, tags.bool, tags.null, tags.keyword], class: "rciots-code-value" },
  { tag: [tags.meta, tags.labelName, tags.typeName], class: "rciots-code-meta" },
]);

/** `${name}`, but not `$${name}`, which is no placeholder. */
const placeholders = new MatchDecorator({
  regexp: /(?<!\$)\$\{[^}\n]*\}/g,
  decoration: Decoration.mark({ class: "rciots-code-placeholder" }),
});

const placeholderMarks = ViewPlugin.define(
  (view) => {
    const plugin = {
      decorations: placeholders.createDeco(view),
      update(update: ViewUpdate): void {
        plugin.decorations = placeholders.updateDeco(update, plugin.decorations);
      },
    };
    return plugin;
  },
  { decorations: (plugin) => plugin.decorations },
);

/** PatternFly's own variables: they change with the theme, these rules don't. */
const look = {
  "&": {
    color: "var(--pf-t--global--text--color--regular)",
    backgroundColor: "var(--pf-t--global--background--color--primary--default)",
    fontSize: "var(--pf-t--global--font--size--body--sm)",
  },
  "&.cm-focused": {
    outline: "var(--pf-t--global--border--width--strong) solid var(--pf-t--global--border--color--clicked)",
    outlineOffset: "-2px",
  },
  ".cm-scroller": { fontFamily: "var(--pf-t--global--font--family--mono)", lineHeight: "1.5" },
  ".cm-gutters": {
    color: "var(--pf-t--global--text--color--subtle)",
    backgroundColor: "var(--pf-t--global--background--color--secondary--default)",
    borderInlineEnd: "1px solid var(--pf-t--global--border--color--default)",
  },
  ".cm-activeLine, .cm-activeLineGutter": {
    backgroundColor: "color-mix(in srgb, currentColor 6%, transparent)",
  },
  ".cm-cursor": { borderLeftColor: "var(--pf-t--global--text--color--regular)" },
  ".cm-panels, .cm-tooltip": {
    color: "var(--pf-t--global--text--color--regular)",
    backgroundColor: "var(--pf-t--global--background--color--floating--default)",
    borderColor: "var(--pf-t--global--border--color--default)",
  },
};

/** What an editor and both sides of a comparison have in common. */
export function commonExtensions(options: {
  language: "yaml" | "text";
  isDark: boolean;
  label: string;
  isReadOnly: boolean;
  hintId?: string | undefined;
}): Extension {
  const { language, isDark, label, isReadOnly, hintId } = options;
  return [
    EditorView.cspNonce.of(cspNonce()),
    language === "yaml" ? [yaml(), placeholderMarks] : [],
    indentUnit.of("  "),
    EditorState.tabSize.of(2),
    syntaxHighlighting(highlighting),
    EditorView.theme(look, { dark: isDark }),
    EditorState.readOnly.of(isReadOnly),
    EditorView.editable.of(!isReadOnly),
    EditorView.contentAttributes.of({
      "aria-label": label,
      // What can't be edited must still be reached and scrolled with the keyboard, and what can be says that it is reached.
      tabindex: "0",
      ...(hintId === undefined ? {} : { "aria-describedby": hintId }),
    }),
  ];
}
