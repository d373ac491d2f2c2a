export { createOrganizationVault, type OrganizationVault } from "./organization-vault.ts";
export { createDesiredState, type DesiredStateService } from "./desired-state.ts";
export type { Preview, RevisionPreview, VersionContent } from "./preview.ts";
export { placesKey, type Place } from "./secret-places.ts";
