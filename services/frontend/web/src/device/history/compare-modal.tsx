import { Modal, ModalBody, ModalHeader } from "@patternfly/react-core";
import { useQueries } from "@tanstack/react-query";
import { useId, type ReactNode } from "react";
import { useApi } from "../../api/api-context.ts";
import { CodeEditor } from "../../components/code-editor/code-editor.tsx";
import { DiffView } from "../../components/diff-view/diff-view.tsx";
import { ErrorState } from "../../components/error-state.tsx";
import { PageLoading } from "../../components/page-loading.tsx";
import { revisionContent } from "./use-revision-content.ts";

interface CompareModalProps {
  deviceId: string;
  /** One to show, or two to compare. */
  revisions: readonly number[];
  onClose: () => void;
}

function Body({ deviceId, revisions }: Omit<CompareModalProps, "onClose">): ReactNode {
  const api = useApi();
  const results = useQueries({
    queries: revisions.map((revision) => revisionContent(api, deviceId, revision)),
  });
  const failed = results.find(({ isError }) => isError);
  if (failed !== undefined)
    return (
      <ErrorState
        error={failed.error}
        title="It can't be rendered any more"
        onRetry={() => void failed.refetch()}
      />
    );
  const [first, second] = results.map(({ data }) => data);
  if (first === undefined || (revisions.length > 1 && second === undefined))
    return <PageLoading label="Rendering" />;
  if (second === undefined)
    return (
      <CodeEditor key={first.revision} label={`Content of revision ${first.revision}`} value={first.yaml} />
    );
  return (
    <DiffView
      before={first.yaml}
      after={second.yaml}
      beforeLabel={`Revision ${first.revision}`}
      afterLabel={`Revision ${second.revision}`}
    />
  );
}

export function CompareModal({ deviceId, revisions, onClose }: CompareModalProps): ReactNode {
  const titleId = useId();
  const title =
    revisions.length > 1 ? `Revision ${revisions[0]} and ${revisions[1]}` : `Revision ${revisions[0]}`;
  return (
    <Modal isOpen variant="large" onClose={onClose} aria-labelledby={titleId}>
      <ModalHeader title={title} labelId={titleId} description="Secrets of the platform are masked." />
      <ModalBody tabIndex={0}>
        <Body deviceId={deviceId} revisions={revisions} />
      </ModalBody>
    </Modal>
  );
}
