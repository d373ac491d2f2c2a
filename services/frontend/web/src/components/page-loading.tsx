import { Bullseye, Spinner } from "@patternfly/react-core";
import type { ReactNode } from "react";

/** While a page has nothing to show yet. */
export function PageLoading({ label = "Loading" }: { label?: string }): ReactNode {
  return (
    <Bullseye className="rciots-page-loading">
      <Spinner aria-label={label} />
    </Bullseye>
  );
}
