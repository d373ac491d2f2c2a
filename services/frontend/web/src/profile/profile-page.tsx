import "./profile.css";
import { PageSection, Tab, Tabs, TabTitleText } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { useSearchParams } from "react-router";
import { PageHeader } from "../components/page-header.tsx";
import { DetailsTab } from "./details-tab.tsx";
import { PasswordTab } from "./password-tab.tsx";
import { SecondFactorTab } from "./second-factor-tab.tsx";
import { SessionsTab } from "./sessions-tab.tsx";

const tabs = [
  { key: "details", title: "Details", content: <DetailsTab /> },
  { key: "password", title: "Password", content: <PasswordTab /> },
  { key: "second-factor", title: "Second factor", content: <SecondFactorTab /> },
  { key: "sessions", title: "Sessions", content: <SessionsTab /> },
];

/** What people see and change of their own accounts. */
export function ProfilePage(): ReactNode {
  const [params, setParams] = useSearchParams();
  const wanted = params.get("tab");
  const active = tabs.find(({ key }) => key === wanted)?.key ?? "details";
  return (
    <>
      <PageHeader title="Your profile" description="Your account, and how you sign in." />
      <PageSection type="tabs">
        <Tabs
          activeKey={active}
          aria-label="Profile"
          usePageInsets
          onSelect={(_event, key) => setParams(key === "details" ? {} : { tab: String(key) })}
        >
          {tabs.map(({ key, title }) => (
            <Tab
              key={key}
              eventKey={key}
              title={<TabTitleText>{title}</TabTitleText>}
              tabContentId={`profile-${key}`}
            />
          ))}
        </Tabs>
      </PageSection>
      <PageSection>
        <section
          id={`profile-${active}`}
          role="tabpanel"
          aria-label={tabs.find(({ key }) => key === active)?.title}
        >
          {tabs.find(({ key }) => key === active)?.content}
        </section>
      </PageSection>
    </>
  );
}
