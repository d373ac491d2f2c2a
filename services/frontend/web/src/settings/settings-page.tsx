import { PageSection, Tab, TabContent, TabContentBody, Tabs, TabTitleText } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { useNavigate, useParams } from "react-router";
import { PageHeader } from "../components/page-header.tsx";
import { useSession, type Role } from "../session/session.ts";
import { NotFoundPage } from "../shell/not-found-page.tsx";
import { AllowListsTab } from "./allow-lists-tab.tsx";
import { ApiTokensTab } from "./api-tokens-tab.tsx";
import { GeneralTab } from "./general-tab.tsx";
import { InvitationsTab } from "./invitations-tab.tsx";
import { MembersTab } from "./members-tab.tsx";
import { RemoteAccessTab } from "./remote-access-tab.tsx";
import { mayReach } from "./roles.ts";

interface SettingsTab {
  key: string;
  title: string;
  least: Role;
  content: () => ReactNode;
}

const tabs: SettingsTab[] = [
  { key: "general", title: "General", least: "viewer", content: GeneralTab },
  { key: "members", title: "Members", least: "viewer", content: MembersTab },
  { key: "invitations", title: "Invitations", least: "admin", content: InvitationsTab },
  { key: "api-tokens", title: "API tokens", least: "viewer", content: ApiTokensTab },
  { key: "remote-access", title: "Remote access", least: "viewer", content: RemoteAccessTab },
  { key: "allow-lists", title: "Allow-lists", least: "admin", content: AllowListsTab },
];

/** The organisation: who belongs to it, and how it can be worked with. */
export function SettingsPage(): ReactNode {
  const { account, organization } = useSession();
  const { tab = "general" } = useParams();
  const navigate = useNavigate();
  const visible = tabs.filter(({ least }) => mayReach(account.role, least));
  const active = visible.find(({ key }) => key === tab);
  if (active === undefined) return <NotFoundPage />;
  const Content = active.content;
  return (
    <>
      <PageHeader title="Settings" description={`Of the organisation ${organization?.name ?? ""}.`} />
      <PageSection type="tabs">
        <Tabs
          activeKey={active.key}
          onSelect={(_event, key) => void navigate(`/settings/${key}`)}
          aria-label="Settings"
          usePageInsets
        >
          {visible.map(({ key, title }) => (
            <Tab
              key={key}
              eventKey={key}
              tabContentId={`settings-${key}`}
              title={<TabTitleText>{title}</TabTitleText>}
            />
          ))}
        </Tabs>
      </PageSection>
      <PageSection>
        <TabContent
          id={`settings-${active.key}`}
          eventKey={active.key}
          activeKey={active.key}
          aria-label={active.title}
        >
          <TabContentBody>
            <Content />
          </TabContentBody>
        </TabContent>
      </PageSection>
    </>
  );
}
