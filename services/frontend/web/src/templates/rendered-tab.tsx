import { Toolbar, ToolbarContent, ToolbarItem } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { useApi } from "../api/api-context.ts";
import { unwrap, type Schema } from "../api/client.ts";
import { CodeEditor } from "../components/code-editor/code-editor.tsx";
import { ErrorState } from "../components/error-state.tsx";
import { PageLoading } from "../components/page-loading.tsx";
import { useMay } from "../session/session.ts";
import { DeviceSelect } from "./device-select.tsx";
import { FaultList } from "./files/fault-list.tsx";
import { faultsOf } from "./files/faults.ts";
import { useVersionRendering, type Template } from "./template-queries.ts";
import { countOf } from "./usage-health.ts";
import { useShownVersion, VersionSelect } from "./version-select.tsx";

/** A version with the values of a device filled in; its secrets come masked. */
function usePreview(template: Template, versionId: string | null, device: Schema<"Device"> | null) {
  const api = useApi();
  return useQuery({
    queryKey: ["devices", device?.id, "preview", template.id, versionId, device?.version],
    enabled: device !== null && versionId !== null,
    queryFn: ({ signal }) =>
      unwrap(
        api.POST("/api/v1/devices/{id}/preview", {
          params: { path: { id: device?.id ?? "" } },
          body: { templates: [{ templateId: template.id, versionId }], overlay: false },
          signal,
        }),
      ),
  });
}

interface RenderedProps {
  query: ReturnType<typeof usePreview> | ReturnType<typeof useVersionRendering>;
  label: string;
  note: string;
}

function Rendered({ query, label, note }: RenderedProps): ReactNode {
  if (query.isPending) return <PageLoading label={label} />;
  if (query.data === undefined) {
    return faultsOf(query.error).length > 0 ? (
      <FaultList error={query.error} title="The device can't run it as it is" />
    ) : (
      <ErrorState error={query.error} onRetry={() => void query.refetch()} />
    );
  }
  const { yaml, objects } = query.data;
  return (
    <div className="rciots-stack">
      <p className="rciots-muted">{`${countOf(objects.length, "object")}. ${note}`}</p>
      <CodeEditor label={label} value={yaml} />
    </div>
  );
}

/** What kustomize made of a version; for a device, with its values. */
export function RenderedTab({ template }: { template: Template }): ReactNode {
  const versionId = useShownVersion(template);
  const [device, setDevice] = useState<Schema<"Device"> | null>(null);
  const mayPreview = useMay("operator");
  const plain = useVersionRendering(template.id, device === null ? versionId : null);
  const preview = usePreview(template, versionId, device);
  return (
    <>
      <Toolbar>
        <ToolbarContent>
          <ToolbarItem>
            <VersionSelect template={template} />
          </ToolbarItem>
          {mayPreview && (
            <ToolbarItem>
              <DeviceSelect device={device} onChange={setDevice} />
            </ToolbarItem>
          )}
        </ToolbarContent>
      </Toolbar>
      {device === null ? (
        <Rendered
          query={plain}
          label="Rendered objects"
          note="Variables and secrets are filled in for each device."
        />
      ) : (
        <Rendered
          query={preview}
          label={`Rendered for ${device.name}`}
          note={`With the variables of ${device.name}; secrets are masked, its overlay files are left out.`}
        />
      )}
    </>
  );
}
