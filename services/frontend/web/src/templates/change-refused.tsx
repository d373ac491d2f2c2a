import { Alert, AlertActionLink } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { hasCode } from "../api/problem.ts";
import { FaultList } from "./files/fault-list.tsx";
import type { Template } from "./template-queries.ts";

interface ChangeRefusedProps {
  error: unknown;
  /** As it is by now. */
  current: Template;
  /** The edits on top of what is there now. */
  onKeep: () => void;
}

/** Why a change of a template was refused; after somebody else's change, what to do with the own one. */
export function ChangeRefused({ error, current, onKeep }: ChangeRefusedProps): ReactNode {
  if (!hasCode(error, "version_conflict")) return <FaultList error={error} title="It was refused" />;
  return (
    <Alert
      variant="warning"
      isInline
      title="Somebody else changed the template meanwhile"
      actionLinks={<AlertActionLink onClick={onKeep}>Save my edits on top</AlertActionLink>}
    >
      {`It is now named ${current.name}. What you entered is kept here.`}
    </Alert>
  );
}
