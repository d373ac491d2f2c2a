import { Label, type LabelProps } from "@patternfly/react-core";
import type { ReactNode } from "react";

const colors: Record<string, LabelProps["color"]> = {
  GET: "blue",
  POST: "green",
  PUT: "orange",
  PATCH: "purple",
  DELETE: "red",
};

/** An HTTP method; its name says what its colour says. */
export function MethodLabel({ method }: { method: string }): ReactNode {
  return (
    <Label isCompact color={colors[method] ?? "grey"} className="rciots-method">
      {method}
    </Label>
  );
}
