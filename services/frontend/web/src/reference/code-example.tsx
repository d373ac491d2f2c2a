import { ClipboardCopyButton, CodeBlock, CodeBlockAction, CodeBlockCode } from "@patternfly/react-core";
import { useId, useState, type ReactNode } from "react";

/** Text to take along, with its copy button. */
export function CodeExample({ code, label }: { code: string; label: string }): ReactNode {
  const id = useId();
  const [isCopied, setIsCopied] = useState(false);
  const copy = (): void => {
    void navigator.clipboard.writeText(code).then(() => setIsCopied(true));
  };
  return (
    <CodeBlock
      actions={
        <CodeBlockAction>
          <ClipboardCopyButton
            id={`${id}-copy`}
            textId={`${id}-code`}
            aria-label={label}
            onClick={copy}
            onTooltipHidden={() => setIsCopied(false)}
            exitDelay={isCopied ? 1_500 : 600}
            variant="plain"
          >
            {isCopied ? "Copied" : label}
          </ClipboardCopyButton>
        </CodeBlockAction>
      }
    >
      <CodeBlockCode id={`${id}-code`}>{code}</CodeBlockCode>
    </CodeBlock>
  );
}
