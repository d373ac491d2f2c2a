import { ClipboardCopy } from "@patternfly/react-core";
import type { ReactNode } from "react";

/** An identifier, fingerprint or serial number with its copy button. */
export function CopyableId({ value }: { value: string }): ReactNode {
  return (
    <ClipboardCopy variant="inline-compact" isCode hoverTip="Copy" clickTip="Copied" truncation>
      {value}
    </ClipboardCopy>
  );
}
