import { ClipboardCopy } from "@patternfly/react-core";
import type { ReactNode } from "react";

/** What to quote to whoever runs the platform. */
export function RequestId({ id }: { id: string | null }): ReactNode {
  if (id === null) return null;
  return (
    <div className="rciots-request-id">
      Request{" "}
      <ClipboardCopy variant="inline-compact" isCode hoverTip="Copy" clickTip="Copied">
        {id}
      </ClipboardCopy>
    </div>
  );
}
