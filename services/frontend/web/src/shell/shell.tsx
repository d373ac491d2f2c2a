import {
  Alert,
  Masthead,
  MastheadContent,
  Page,
  SkipToContent,
  Toolbar,
  ToolbarContent,
  ToolbarGroup,
  ToolbarItem,
} from "@patternfly/react-core";
import type { ReactNode } from "react";
import { Outlet } from "react-router";
import { useLiveUpdates } from "../live/use-live-updates.ts";
import { useSession } from "../session/session.ts";
import { MastheadStart } from "./brand.tsx";
import { OrganizationSwitcher } from "./organization-switcher.tsx";
import { SideNavigation } from "./side-navigation.tsx";
import { ThemeMenu } from "./theme-menu.tsx";
import { UserMenu } from "./user-menu.tsx";

const mainId = "main";

function TopBar(): ReactNode {
  return (
    <Masthead display={{ default: "inline" }}>
      <MastheadStart />
      <MastheadContent>
        <Toolbar isStatic>
          <ToolbarContent>
            <ToolbarItem>
              <OrganizationSwitcher />
            </ToolbarItem>
            <ToolbarGroup variant="action-group-plain" align={{ default: "alignEnd" }}>
              <ToolbarItem>
                <ThemeMenu />
              </ToolbarItem>
              <ToolbarItem>
                <UserMenu />
              </ToolbarItem>
            </ToolbarGroup>
          </ToolbarContent>
        </Toolbar>
      </MastheadContent>
    </Masthead>
  );
}

/** What stands around every page of a person who is signed in. */
export function Shell(): ReactNode {
  const { organization } = useSession();
  useLiveUpdates(organization?.id);
  return (
    <Page
      masthead={<TopBar />}
      sidebar={<SideNavigation />}
      isManagedSidebar
      mainContainerId={mainId}
      skipToContent={<SkipToContent href={`#${mainId}`}>Skip to content</SkipToContent>}
    >
      {organization?.status === "suspended" && (
        <Alert variant="warning" isInline title={`${organization.name} is suspended`}>
          Everything can be looked at, and nothing changed. An administrator of the platform can resume it.
        </Alert>
      )}
      <Outlet />
    </Page>
  );
}
