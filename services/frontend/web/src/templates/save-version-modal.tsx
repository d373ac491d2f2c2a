import { Alert, Button, Modal, ModalBody, ModalFooter, ModalHeader } from "@patternfly/react-core";
import { useId, useMemo, useState, type ReactNode } from "react";
import { hasCode } from "../api/problem.ts";
import { DiffView } from "../components/diff-view/diff-view.tsx";
import { PageLoading } from "../components/page-loading.tsx";
import { ChangedFiles } from "./changed-files.tsx";
import { changesBetween, draftOf } from "./files/draft-files.ts";
import { FaultList } from "./files/fault-list.tsx";
import { isYaml } from "./files/file-path.ts";
import {
  useTemplateUsage,
  useVersion,
  useVersionRendering,
  type Template,
  type TemplateVersion,
} from "./template-queries.ts";
import { countOf } from "./usage-health.ts";
import type { CheckedDraft } from "./use-draft-check.ts";
import { useTemplateChange } from "./use-template-change.ts";

interface SaveVersionModalProps {
  /** As it is by now. */
  template: Template;
  /** The version that the edits began from. */
  base: TemplateVersion;
  draft: { files: { path: string; content: string }[]; root: string };
  checked: CheckedDraft;
  onSaved: (isNew: boolean) => void;
  onClose: () => void;
}

/** What the draft would change of what devices run now. */
function RenderedChange({
  template,
  checked,
}: Pick<SaveVersionModalProps, "template" | "checked">): ReactNode {
  const current = useVersionRendering(template.id, template.currentVersionId);
  if (current.data === undefined) return <PageLoading label="Comparing" />;
  if (current.data.yaml === checked.yaml) {
    return <p>The rendered objects stay as they are: devices have nothing to do.</p>;
  }
  return (
    <DiffView
      before={current.data.yaml}
      after={checked.yaml}
      beforeLabel="Runs now"
      afterLabel="With your edits"
    />
  );
}

/** The own files against what somebody else made current meanwhile. */
function Conflict({ template, draft }: Pick<SaveVersionModalProps, "template" | "draft">): ReactNode {
  const theirs = useVersion(template.id, template.currentVersionId);
  const files = theirs.data?.files;
  const before = useMemo(() => draftOf(files ?? []), [files]);
  const after = useMemo(() => draftOf(draft.files), [draft.files]);
  const changes = useMemo(() => changesBetween(before, after), [before, after]);
  if (files === undefined) return <PageLoading label="Loading what is there now" />;
  return (
    <ChangedFiles changes={changes}>
      {({ path }) => (
        <DiffView
          before={before.get(path) ?? ""}
          after={after.get(path) ?? ""}
          beforeLabel={`Version ${theirs.data?.number ?? ""}, there now`}
          afterLabel="Your edits"
          language={isYaml(path) ? "yaml" : "text"}
        />
      )}
    </ChangedFiles>
  );
}

function useSave({ template, base, draft, onSaved }: SaveVersionModalProps) {
  const [opened] = useState(template);
  const save = useTemplateChange(template.id, ({ versionCount }) =>
    onSaved(versionCount > template.versionCount),
  );
  const isRefused = save.isError && hasCode(save.error, "version_conflict");
  // Other changes, such as of the name, don't touch the files.
  const isConflict = isRefused || template.currentVersionId !== base.id;
  const run = (): void =>
    save.mutate({ change: draft, version: isConflict ? template.version : opened.version });
  return { save, run, isConflict, isRefused };
}

/** Shows what a new version changes, and saves it; after somebody else's change, keeps the edits and says so. */
export function SaveVersionModal(props: SaveVersionModalProps): ReactNode {
  const { template, draft, checked, onClose } = props;
  const { save, run, isConflict, isRefused } = useSave(props);
  const titleId = useId();
  const followers = useTemplateUsage([template.id]).data?.get(template.id)?.followerCount ?? 0;
  return (
    <Modal isOpen variant="large" onClose={onClose} aria-labelledby={titleId}>
      <ModalHeader
        title="Save as a new version"
        labelId={titleId}
        description={
          followers === 0
            ? "No device follows the template now."
            : `${countOf(followers, "device")} that follow${followers === 1 ? "s" : ""} the template will run it as soon as they are online.`
        }
      />
      <ModalBody>
        <div className="rciots-stack">
          {!isRefused && <FaultList error={save.error} title="It was refused" />}
          {isConflict && (
            <Alert variant="warning" isInline title="Somebody else changed the template while you edited">
              Your edits are kept. Saved on top, the files below become as you have them.
            </Alert>
          )}
          {isConflict ? (
            <Conflict template={template} draft={draft} />
          ) : (
            <RenderedChange template={template} checked={checked} />
          )}
        </div>
      </ModalBody>
      <ModalFooter>
        <Button isDisabled={save.isPending} isLoading={save.isPending} onClick={run}>
          {isConflict ? "Save my edits on top" : "Save"}
        </Button>
        <Button variant="link" onClick={onClose}>
          Back to the files
        </Button>
      </ModalFooter>
    </Modal>
  );
}
