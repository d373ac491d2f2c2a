import { ActionList, ActionListItem, Button, Form } from "@patternfly/react-core";
import { useEffect, useState, type ReactNode } from "react";
import { Link } from "react-router";
import { CheckedDraftView } from "./checked-draft.tsx";
import { ConnectionTest } from "./connection-test.tsx";
import type { CreateProps } from "./create-inline.tsx";
import { FaultList } from "./files/fault-list.tsx";
import { GitFields, type GitSettings } from "./git-fields.tsx";
import { useDraftCheck } from "./use-draft-check.ts";

const blank: GitSettings = { url: "", ref: "", path: "", credentialId: null, pollIntervalMs: 300_000 };

/** Where a new template is in Git: tried, checked, and created. */
export function CreateFromGit({ names, create, noteDirty }: CreateProps): ReactNode {
  const [git, setGit] = useState(blank);
  const check = useDraftCheck();
  const error = create.error ?? check.error;
  useEffect(() => noteDirty(git.url !== ""), [noteDirty, git.url]);
  const change = (next: GitSettings): void => {
    check.reset();
    create.reset();
    setGit(next);
  };
  return (
    <div className="rciots-stack rciots-form-wide">
      <Form onSubmit={(event) => event.preventDefault()}>
        <GitFields git={git} onChange={change} />
      </Form>
      <ConnectionTest git={git} />
      <FaultList error={error} title="No template can be made of it" />
      {check.data !== undefined && error === null && <CheckedDraftView checked={check.data} />}
      <ActionList>
        <ActionListItem>
          <Button
            variant="primary"
            isDisabled={git.url === "" || names.name.trim() === "" || create.isPending}
            isLoading={create.isPending}
            onClick={() => create.mutate({ ...names, git })}
          >
            Create
          </Button>
        </ActionListItem>
        <ActionListItem>
          <Button
            variant="secondary"
            isDisabled={git.url === "" || check.isPending}
            isLoading={check.isPending}
            onClick={() => {
              create.reset();
              check.mutate({ git });
            }}
          >
            Fetch and check
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
