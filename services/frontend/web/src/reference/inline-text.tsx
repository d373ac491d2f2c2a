import type { ReactNode } from "react";

/** Sentences of the document: `code` between backticks, an empty line between paragraphs. */
export function InlineText({ text }: { text: string }): ReactNode {
  return text
    .split("\n\n")
    .map((paragraph) => (
      <p key={paragraph}>
        {paragraph
          .split("`")
          .map((part, index) => (index % 2 === 1 ? <code key={index}>{part}</code> : part))}
      </p>
    ));
}
