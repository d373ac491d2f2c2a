import { Label, Tooltip } from "@patternfly/react-core";
import { CheckCircleIcon } from "@patternfly/react-icons/dist/esm/icons/check-circle-icon";
import { ExclamationTriangleIcon } from "@patternfly/react-icons/dist/esm/icons/exclamation-triangle-icon";
import type { ReactNode } from "react";
import { countOf } from "./usage-health.ts";
import type { Template } from "./template-queries.ts";

/** Whether a template is in step with its repository; of inline files how many versions there are. */
export function SyncStatus({ template }: { template: Template }): ReactNode {
  const { source, sync } = template;
  if (source.kind !== "git")
    return <span className="rciots-muted">{countOf(template.versionCount, "version")}</span>;
  if (sync.status === "failed") {
    return (
      <Tooltip content={sync.message ?? "The repository could not be read."}>
        <Label isCompact status="warning" icon={<ExclamationTriangleIcon />} tabIndex={0}>
          Out of step
        </Label>
      </Tooltip>
    );
  }
  if (sync.status === "never") return <Label isCompact>Not looked at yet</Label>;
  return (
    <Label isCompact status="success" icon={<CheckCircleIcon />}>
      In step
    </Label>
  );
}

/** The first characters of a commit, which people know it by. */
export const shortCommit = (commit: string): string => commit.slice(0, 10);
