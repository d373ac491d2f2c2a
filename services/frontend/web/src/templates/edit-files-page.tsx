import { ActionList, ActionListItem, Button, PageSection } from "@patternfly/react-core";
import { useCallback, useEffect, useMemo, useRef, useState, type ReactNode } from "react";
import { Link, useNavigate, useParams } from "react-router";
import { CheckedDraftView } from "./checked-draft.tsx";
import { ErrorState } from "../components/error-state.tsx";
import { PageHeader } from "../components/page-header.tsx";
import { PageLoading } from "../components/page-loading.tsx";
import { useToasts } from "../components/toasts.ts";
import { UnsavedGuard } from "../components/unsaved-guard.tsx";
import { draftOf, filesOf } from "./files/draft-files.ts";
import { FaultList } from "./files/fault-list.tsx";
import { faultsOf } from "./files/faults.ts";
import { FilesEditor } from "./files/files-editor.tsx";
import { useDraft } from "./files/use-draft.ts";
import { RootField } from "./root-field.tsx";
import { SaveVersionModal } from "./save-version-modal.tsx";
import { useTemplate, useVersion, type Template } from "./template-queries.ts";
import { useDraftCheck } from "./use-draft-check.ts";
import "./templates.css";

type WholeVersion = NonNullable<ReturnType<typeof useVersion>["data"]>;

interface EditorProps {
  template: Template;
  /** What is edited; the editor keeps it when the template moves on. */
  version: WholeVersion;
}

const pathOfRoot = (root: string): string => (root === "." ? "" : root);

function useEditing(version: WholeVersion) {
  const [base] = useState(version);
  const saved = useMemo(() => draftOf(base.files), [base]);
  const draft = useDraft(saved, pathOfRoot(base.root));
  const check = useDraftCheck();
  const faults = useMemo(() => faultsOf(check.error), [check.error]);
  return { base, draft, check, faults };
}

/** Edits the files of the current version, shows what that changes, and saves a new version. */
function Editor({ template, version }: EditorProps): ReactNode {
  const { base, draft, check, faults } = useEditing(version);
  const [isReviewing, setIsReviewing] = useState(false);
  const navigate = useNavigate();
  const toasts = useToasts();
  const isDirty = useRef(false);
  useEffect(() => void (isDirty.current = draft.isDirty), [draft.isDirty]);
  const readDirty = useCallback(() => isDirty.current, []);
  const body = { files: filesOf(draft.files), root: draft.root };
  const isEmpty = draft.files.size === 0;
  const review = (): void => check.mutate(body, { onSuccess: () => setIsReviewing(true) });
  const saved = (isNew: boolean): void => {
    isDirty.current = false;
    toasts.add({
      title: isNew ? `${template.name} has a new version` : "The files are those of the current version",
    });
    void navigate(`/templates/${template.id}?tab=versions`);
  };
  return (
    <div className="rciots-stack">
      <RootField draft={draft} />
      <FilesEditor draft={draft} faults={faults} />
      <FaultList
        error={check.error}
        title={faults.length === 0 ? "It was refused" : "The files have faults"}
        onOpen={(fault) => draft.reveal(fault)}
      />
      {check.data !== undefined && !isReviewing && <CheckedDraftView checked={check.data} />}
      <ActionList>
        <ActionListItem>
          <Button
            isDisabled={!draft.isDirty || isEmpty || check.isPending}
            isLoading={check.isPending}
            onClick={review}
          >
            Review and save
          </Button>
        </ActionListItem>
        <ActionListItem>
          <Button
            variant="secondary"
            isDisabled={isEmpty || check.isPending}
            onClick={() => check.mutate(body)}
          >
            Check
          </Button>
        </ActionListItem>
        <ActionListItem>
          <Button variant="link" component={(props) => <Link {...props} to={`/templates/${template.id}`} />}>
            Cancel
          </Button>
        </ActionListItem>
      </ActionList>
      {isReviewing && check.data !== undefined && (
        <SaveVersionModal
          template={template}
          base={base}
          draft={body}
          checked={check.data}
          onSaved={saved}
          onClose={() => setIsReviewing(false)}
        />
      )}
      <UnsavedGuard isDirty={readDirty} what="The files you edited" />
    </div>
  );
}

/** The files of an inline template, to be edited. */
export function EditFilesPage(): ReactNode {
  const { id = "" } = useParams();
  const template = useTemplate(id);
  // Which version is edited is settled at the start: what others save meanwhile doesn't replace the edits.
  const [editedId, setEditedId] = useState<string | null>(null);
  const currentId = template.data?.currentVersionId ?? null;
  if (editedId === null && currentId !== null) setEditedId(currentId);
  const version = useVersion(id, editedId);
  const error = template.error ?? version.error;
  if (error !== null && (template.data === undefined || version.data === undefined)) {
    return (
      <PageSection>
        <ErrorState error={error} />
      </PageSection>
    );
  }
  if (template.data === undefined || version.data === undefined) {
    return <PageLoading label="Loading the files" />;
  }
  const { name } = template.data;
  return (
    <>
      <PageHeader
        title="Edit files"
        breadcrumb={[
          { label: "Templates", to: "/templates" },
          { label: name, to: `/templates/${id}` },
        ]}
        description={`${name}, version ${version.data.number}. What you save becomes a new version.`}
      />
      <PageSection>
        <Editor key={version.data.id} template={template.data} version={version.data} />
      </PageSection>
    </>
  );
}
