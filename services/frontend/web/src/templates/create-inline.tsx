import { ActionList, ActionListItem, Button } from "@patternfly/react-core";
import { useEffect, useMemo, type ReactNode } from "react";
import { Link } from "react-router";
import { CheckedDraftView } from "./checked-draft.tsx";
import type { CreateMutation } from "./create-template-page.tsx";
import { filesOf, type DraftFiles } from "./files/draft-files.ts";
import { FaultList } from "./files/fault-list.tsx";
import { faultsOf } from "./files/faults.ts";
import { FilesEditor } from "./files/files-editor.tsx";
import { useDraft } from "./files/use-draft.ts";
import type { TemplateNames } from "./name-fields.tsx";
import { RootField } from "./root-field.tsx";
import { useDraftCheck } from "./use-draft-check.ts";

export interface CreateProps {
  names: TemplateNames;
  create: CreateMutation;
  /** Told whether leaving would lose something. */
  noteDirty: (isDirty: boolean) => void;
}

const none: DraftFiles = new Map();

/** Files of a new template: edited, checked, and created. */
export function CreateInline({ names, create, noteDirty }: CreateProps): ReactNode {
  const draft = useDraft(none, "");
  const check = useDraftCheck();
  const error = create.error ?? check.error;
  const faults = useMemo(() => faultsOf(error), [error]);
  useEffect(() => noteDirty(draft.isDirty), [noteDirty, draft.isDirty]);

  const body = () => ({ files: filesOf(draft.files), root: draft.root });
  const runCheck = (): void => {
    create.reset();
    check.mutate(body());
  };
  const runCreate = (): void => {
    check.reset();
    create.mutate({ ...names, ...body() });
  };
  const isEmpty = draft.files.size === 0;
  return (
    <div className="rciots-stack">
      <RootField draft={draft} />
      <FilesEditor draft={draft} faults={faults} />
      <FaultList
        error={error}
        title={faults.length === 0 ? "It was refused" : "The files have faults"}
        onOpen={(fault) => draft.reveal(fault)}
      />
      {check.data !== undefined && error === null && <CheckedDraftView checked={check.data} />}
      <ActionList>
        <ActionListItem>
          <Button
            variant="primary"
            isDisabled={isEmpty || names.name.trim() === "" || create.isPending}
            isLoading={create.isPending}
            onClick={runCreate}
          >
            Create
          </Button>
        </ActionListItem>
        <ActionListItem>
          <Button
            variant="secondary"
            isDisabled={isEmpty || check.isPending}
            isLoading={check.isPending}
            onClick={runCheck}
          >
            Check
          </Button>
        </ActionListItem>
        <ActionListItem>
          <Button variant="link" component={(props) => <Link {...props} to="/templates" />}>
            Cancel
          </Button>
        </ActionListItem>
      </ActionList>
    </div>
  );
}
