import { Alert, PageSection, Tab, Tabs, TabTitleText } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { useParams, useSearchParams } from "react-router";
import { ErrorState } from "../components/error-state.tsx";
import { PageHeader } from "../components/page-header.tsx";
import { PageLoading } from "../components/page-loading.tsx";
import { DevicesTab } from "./devices-tab.tsx";
import { FilesTab } from "./files-tab.tsx";
import { OverviewTab } from "./overview-tab.tsx";
import { RenderedTab } from "./rendered-tab.tsx";
import { SyncStatus } from "./sync-status.tsx";
import { TemplateActions } from "./template-actions.tsx";
import { useTemplate, type Template } from "./template-queries.ts";
import { VersionsTab } from "./versions-tab.tsx";
import "./templates.css";

interface TabSpec {
  key: string;
  label: string;
  Content: (props: { template: Template }) => ReactNode;
}

const tabs: TabSpec[] = [
  { key: "overview", label: "Overview", Content: OverviewTab },
  { key: "files", label: "Files", Content: FilesTab },
  { key: "rendered", label: "Rendered", Content: RenderedTab },
  { key: "versions", label: "Versions", Content: VersionsTab },
  { key: "devices", label: "Devices", Content: DevicesTab },
];

function TemplateTabs({ template }: { template: Template }): ReactNode {
  const [search, setSearch] = useSearchParams();
  const active = tabs.find(({ key }) => key === search.get("tab")) ?? tabs[0];
  return (
    <>
      <PageSection type="tabs">
        <Tabs
          aria-label={`About ${template.name}`}
          usePageInsets
          activeKey={active?.key ?? "overview"}
          onSelect={(_event, key) => setSearch(key === "overview" ? {} : { tab: String(key) })}
        >
          {tabs.map(({ key, label }) => (
            <Tab
              key={key}
              eventKey={key}
              title={<TabTitleText>{label}</TabTitleText>}
              tabContentId={`template-${key}`}
            />
          ))}
        </Tabs>
      </PageSection>
      {active !== undefined && (
        <PageSection id={`template-${active.key}`} role="tabpanel" aria-label={active.label}>
          <active.Content template={template} />
        </PageSection>
      )}
    </>
  );
}

/** One template: where it comes from, its versions, and the devices that run it. */
export function TemplatePage(): ReactNode {
  const { id = "" } = useParams();
  const found = useTemplate(id);
  if (found.isPending) return <PageLoading label="Loading the template" />;
  if (found.data === undefined) {
    return (
      <PageSection>
        <ErrorState error={found.error} onRetry={() => void found.refetch()} />
      </PageSection>
    );
  }
  const template = found.data;
  const { sync } = template;
  return (
    <>
      <PageHeader
        title={template.name}
        breadcrumb={[{ label: "Templates", to: "/templates" }]}
        actions={<TemplateActions template={template} />}
        {...(template.source.kind === "git" ? { labels: <SyncStatus template={template} /> } : {})}
        {...(template.description === "" ? {} : { description: template.description })}
      />
      {sync.status === "failed" && (
        <PageSection>
          <Alert variant="warning" isInline title="It is out of step with its repository">
            {sync.message} Devices keep the version they have.
          </Alert>
        </PageSection>
      )}
      <TemplateTabs template={template} />
    </>
  );
}
