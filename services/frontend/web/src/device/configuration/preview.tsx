import { Switch } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { useApi } from "../../api/api-context.ts";
import { unwrap } from "../../api/client.ts";
import { CodeEditor } from "../../components/code-editor/code-editor.tsx";
import { DiffView } from "../../components/diff-view/diff-view.tsx";
import { ErrorState } from "../../components/error-state.tsx";
import { PageLoading } from "../../components/page-loading.tsx";
import { revisionContent } from "../history/use-revision-content.ts";
import type { Device } from "../use-device.ts";

/** What the device would run with everything as it is saved now, alone or beside its revision in force. */
export function Preview({ device }: { device: Device }): ReactNode {
  const api = useApi();
  const { id, desired } = device;
  const [isCompared, setIsCompared] = useState(false);
  const preview = useQuery({
    // Not under the device's own key: a report of the device is no reason to render anew.
    queryKey: ["device-preview", id, device.version, desired.revision],
    queryFn: ({ signal }) =>
      unwrap(
        api.POST("/api/v1/devices/{id}/preview", { params: { path: { id } }, body: { root: "" }, signal }),
      ),
  });
  const revision = useQuery({ ...revisionContent(api, id, desired.revision), enabled: isCompared });
  if (preview.isPending) return <PageLoading label="Rendering" />;
  if (preview.isError)
    return (
      <ErrorState error={preview.error} title="It can't be rendered" onRetry={() => void preview.refetch()} />
    );
  const { yaml, objects } = preview.data;
  return (
    <>
      <p className="rciots-muted">
        {objects.length} {objects.length === 1 ? "object" : "objects"}; secrets of the platform are masked.
      </p>
      {desired.revision > 0 && (
        <Switch
          id="compare-preview"
          label={`Compare with revision ${desired.revision}, which is in force`}
          isChecked={isCompared}
          onChange={(_event, isOn) => setIsCompared(isOn)}
        />
      )}
      {isCompared && revision.isError && (
        <ErrorState error={revision.error} title="The revision can't be rendered any more" />
      )}
      {isCompared && revision.isPending && <PageLoading label="Rendering" />}
      {isCompared && revision.data !== undefined && (
        <DiffView
          before={revision.data.yaml}
          after={yaml}
          beforeLabel={`Revision ${desired.revision}`}
          afterLabel="Preview"
        />
      )}
      {!isCompared && <CodeEditor label="Rendered objects" value={yaml} />}
    </>
  );
}
