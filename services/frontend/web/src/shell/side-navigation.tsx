import { Nav, NavGroup, NavItem, NavList, PageSidebar, PageSidebarBody } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { Link, useLocation } from "react-router";
import { useSession } from "../session/session.ts";
import { navigation, type NavigationGroup, type NavigationItem } from "./navigation.ts";

function isAt(pathname: string, to: string): boolean {
  return to === "/" ? pathname === "/" : pathname === to || pathname.startsWith(`${to}/`);
}

/** The longest entry that matches, so that `/devices/pending` doesn't light up `/devices` too. */
function activeOf(pathname: string): string | undefined {
  const matching = navigation.flatMap(({ items }) => items).filter(({ to }) => isAt(pathname, to));
  return matching.sort((a, b) => b.to.length - a.to.length)[0]?.to;
}

function Items({ items, active }: { items: NavigationItem[]; active: string | undefined }): ReactNode {
  return items.map(({ label, to }) => (
    <NavItem key={to} itemId={to} isActive={to === active}>
      <Link to={to} {...(to === active ? { "aria-current": "page" as const } : {})}>
        {label}
      </Link>
    </NavItem>
  ));
}

function useVisibleGroups(): NavigationGroup[] {
  const { account, organization } = useSession();
  const roles = ["viewer", "operator", "admin", "owner"];
  const rank = roles.indexOf(account.role ?? "");
  return navigation
    .filter(({ isPlatform }) => (isPlatform === true ? account.isPlatformAdmin : organization !== undefined))
    .map((group) => ({
      ...group,
      items: group.items.filter(({ least }) => least === undefined || rank >= roles.indexOf(least)),
    }))
    .filter(({ items }) => items.length > 0);
}

export function SideNavigation(): ReactNode {
  const { pathname } = useLocation();
  const groups = useVisibleGroups();
  const active = activeOf(pathname);
  return (
    <PageSidebar>
      <PageSidebarBody>
        <Nav aria-label="Main">
          {groups.map(({ title, items }, index) =>
            title === undefined ? (
              <NavList key={index}>
                <Items items={items} active={active} />
              </NavList>
            ) : (
              <NavGroup key={title} title={title}>
                <Items items={items} active={active} />
              </NavGroup>
            ),
          )}
        </Nav>
      </PageSidebarBody>
    </PageSidebar>
  );
}
