import type { Role } from "../session/session.ts";

export interface NavigationItem {
  label: string;
  to: string;
  /** Hidden from those below; default: everybody. */
  least?: Role;
}

export interface NavigationGroup {
  /** Absent: items without a heading. */
  title?: string;
  items: NavigationItem[];
  /** For administrators of the platform only. */
  isPlatform?: boolean;
}

/** The side navigation, in its order. */
export const navigation: NavigationGroup[] = [
  { items: [{ label: "Overview", to: "/" }] },
  {
    title: "Devices",
    items: [
      { label: "All devices", to: "/devices" },
      { label: "Pending devices", to: "/devices/pending" },
      { label: "Provisioning tokens", to: "/provisioning-tokens" },
      { label: "Tunnels", to: "/tunnels" },
    ],
  },
  {
    title: "Remote work",
    items: [
      { label: "Commands", to: "/commands" },
      { label: "Scripts", to: "/scripts" },
    ],
  },
  {
    title: "Content",
    items: [
      { label: "Templates", to: "/templates" },
      { label: "Secrets", to: "/secrets" },
      { label: "Git credentials", to: "/git-credentials" },
    ],
  },
  {
    title: "Organisation",
    items: [
      { label: "Audit log", to: "/audit-log" },
      { label: "Settings", to: "/settings" },
    ],
  },
  {
    title: "Platform",
    isPlatform: true,
    items: [
      { label: "Organisations", to: "/platform/organizations" },
      { label: "Users", to: "/platform/users" },
      { label: "Audit log of accounts", to: "/platform/audit-log" },
    ],
  },
];
