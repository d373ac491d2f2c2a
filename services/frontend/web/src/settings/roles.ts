import type { Role } from "../session/session.ts";

const order: readonly Role[] = ["viewer", "operator", "admin", "owner"];

const about: Record<Role, string> = {
  viewer: "Viewer: may look",
  operator: "Operator: also manages devices and templates",
  admin: "Admin: also manages secrets, members and access",
  owner: "Owner: may do everything",
};

/** Roles that somebody of this role may give: none above the own one. */
export function rolesUpTo(own: Role | null): { value: Role; label: string }[] {
  const highest = own === null ? -1 : order.indexOf(own);
  return order.slice(0, highest + 1).map((value) => ({ value, label: about[value] }));
}

export const mayReach = (own: Role | null, role: Role): boolean =>
  own !== null && order.indexOf(own) >= order.indexOf(role);
