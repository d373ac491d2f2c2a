export { createOrganizationVault, type OrganizationVault } from "./organization-vault.ts";
export { createDesiredState, type DesiredStateService } from "./desired-state.ts";
export type { Preview, VersionContent } from "./preview.ts";
