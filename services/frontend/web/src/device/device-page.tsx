import { Alert, PageSection, Tab, Tabs, TabTitleText } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { useNavigate, useParams } from "react-router";
import { ErrorState } from "../components/error-state.tsx";
import { PageHeader } from "../components/page-header.tsx";
import { PageLoading } from "../components/page-loading.tsx";
import { CertificatesTab } from "./certificates/certificates-tab.tsx";
import { CommandsTab } from "./commands/commands-tab.tsx";
import { ConfigurationTab } from "./configuration/configuration-tab.tsx";
import { DeviceActions } from "./device-actions.tsx";
import { DeviceLabels } from "./device-labels.tsx";
import { DiffTab } from "./diff/diff-tab.tsx";
import { EventsTab } from "./events/events-tab.tsx";
import { HistoryTab } from "./history/history-tab.tsx";
import { LogsTab } from "./logs/logs-tab.tsx";
import { ObjectsTab } from "./objects/objects-tab.tsx";
import { OverviewTab } from "./overview/overview-tab.tsx";
import { TerminalTab } from "./terminal/terminal-tab.tsx";
import { TunnelsTab } from "./tunnels/tunnels-tab.tsx";
import { useDevice, type Device } from "./use-device.ts";
import "./device.css";

interface DeviceTab {
  /** In the address. */
  key: string;
  title: string;
  Content: (props: { device: Device }) => ReactNode;
}

/** In their order; each is one entry here. */
const tabs: readonly DeviceTab[] = [
  { key: "overview", title: "Overview", Content: OverviewTab },
  { key: "objects", title: "Objects", Content: ObjectsTab },
  { key: "configuration", title: "Configuration", Content: ConfigurationTab },
  { key: "diff", title: "Diff", Content: DiffTab },
  { key: "logs", title: "Logs", Content: LogsTab },
  { key: "terminal", title: "Terminal", Content: TerminalTab },
  { key: "commands", title: "Commands", Content: CommandsTab },
  { key: "history", title: "History", Content: HistoryTab },
  { key: "tunnels", title: "Tunnels", Content: TunnelsTab },
  { key: "events", title: "Events", Content: EventsTab },
  { key: "certificates", title: "Certificates", Content: CertificatesTab },
];

const breadcrumb = [{ label: "Devices", to: "/devices" }];

/** What stands in the way of what the device should run, on every tab. */
function Faults({ device }: { device: Device }): ReactNode {
  const { desired, overlayError, pinnedRevision } = device;
  const error = desired.error ?? overlayError;
  if (error === null && pinnedRevision === null) return null;
  return (
    <PageSection className="rciots-device-faults" hasBodyWrapper={false}>
      {error !== null && (
        <Alert variant="danger" isInline title="What it should run can't be made; it keeps what it has">
          <pre className="rciots-device-words">{error}</pre>
        </Alert>
      )}
      {pinnedRevision !== null && (
        <Alert variant="info" isInline title={`Held at the content of revision ${pinnedRevision}`}>
          It was rolled back by hand. It follows its templates again once you end the rollback or assign
          something.
        </Alert>
      )}
    </PageSection>
  );
}

export function DevicePage(): ReactNode {
  const { deviceId = "", tab = "overview" } = useParams();
  const navigate = useNavigate();
  const query = useDevice(deviceId);
  const device = query.data;
  if (device === undefined) {
    return (
      <>
        <PageHeader title="Device" breadcrumb={breadcrumb} />
        <PageSection>
          {query.isPending ? (
            <PageLoading />
          ) : (
            <ErrorState error={query.error} onRetry={() => void query.refetch()} />
          )}
        </PageSection>
      </>
    );
  }
  const current = tabs.find(({ key }) => key === tab) ?? tabs[0];
  return (
    <>
      <PageHeader
        title={device.name}
        breadcrumb={breadcrumb}
        labels={<DeviceLabels device={device} />}
        actions={<DeviceActions device={device} />}
      />
      <PageSection type="tabs" hasBodyWrapper={false}>
        <Tabs
          activeKey={current?.key ?? ""}
          onSelect={(_event, key) => void navigate(`/devices/${deviceId}/${key}`)}
          usePageInsets
          aria-label={`About ${device.name}`}
        >
          {tabs.map(({ key, title }) => (
            <Tab
              key={key}
              eventKey={key}
              title={<TabTitleText>{title}</TabTitleText>}
              tabContentId={`device-${key}`}
            />
          ))}
        </Tabs>
      </PageSection>
      <Faults device={device} />
      {current !== undefined && (
        <PageSection id={`device-${current.key}`} role="tabpanel" aria-label={current.title} isFilled>
          <current.Content key={deviceId} device={device} />
        </PageSection>
      )}
    </>
  );
}
