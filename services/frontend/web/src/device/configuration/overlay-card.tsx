import {
  Button,
  EmptyState,
  EmptyStateActions,
  EmptyStateBody,
  EmptyStateFooter,
} from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { useApi } from "../../api/api-context.ts";
import { unwrap } from "../../api/client.ts";
import { ErrorState } from "../../components/error-state.tsx";
import { PageLoading } from "../../components/page-loading.tsx";
import { useMay } from "../../session/session.ts";
import { InfoCard } from "../overview/info-card.tsx";
import type { Device } from "../use-device.ts";
import { OverlayEditor } from "./overlay-editor.tsx";
import { RemoveOverlayModal } from "./remove-overlay-modal.tsx";

/** What an overlay begins with: a patch of everything of one kind, to be made one's own. */
const firstFiles = [
  {
    path: "config.yaml",
    content: "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: example\n  namespace: default\ndata: {}\n",
  },
];

function Existing({ device, mayEdit }: { device: Device; mayEdit: boolean }): ReactNode {
  const api = useApi();
  const { id } = device;
  const [isRemoving, setIsRemoving] = useState(false);
  const query = useQuery({
    queryKey: ["devices", id, "overlay"],
    queryFn: ({ signal }) =>
      unwrap(api.GET("/api/v1/devices/{id}/overlay", { params: { path: { id } }, signal })),
  });
  if (query.isPending) return <PageLoading label="Loading files" />;
  if (query.isError) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  return (
    <>
      <OverlayEditor device={device} saved={query.data} mayEdit={mayEdit} />
      {mayEdit && (
        <div className="rciots-card-foot">
          <Button variant="link" isDanger isInline onClick={() => setIsRemoving(true)}>
            Remove all files
          </Button>
        </div>
      )}
      {isRemoving && <RemoveOverlayModal device={device} onClose={() => setIsRemoving(false)} />}
    </>
  );
}

/** Files of the device's own, on top of its templates. */
export function OverlayCard({ device }: { device: Device }): ReactNode {
  const mayEdit = useMay("operator");
  const [isNew, setIsNew] = useState(false);
  if (device.hasOverlay) {
    return (
      <InfoCard title="Overlay files">
        <Existing device={device} mayEdit={mayEdit} />
      </InfoCard>
    );
  }
  return (
    <InfoCard title="Overlay files">
      {isNew ? (
        <OverlayEditor
          device={device}
          saved={{ root: ".", files: firstFiles }}
          mayEdit={mayEdit}
          onCancel={() => setIsNew(false)}
        />
      ) : (
        <EmptyState titleText="No files of its own" headingLevel="h3" variant="sm">
          <EmptyStateBody>
            Patches and resources for this device alone lie on top of its templates.
          </EmptyStateBody>
          {mayEdit && (
            <EmptyStateFooter>
              <EmptyStateActions>
                <Button variant="secondary" onClick={() => setIsNew(true)}>
                  Add files
                </Button>
              </EmptyStateActions>
            </EmptyStateFooter>
          )}
        </EmptyState>
      )}
    </InfoCard>
  );
}
