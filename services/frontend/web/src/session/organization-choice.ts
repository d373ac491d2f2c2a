const key = "rciots.organization";

/** The choice of this tab, else the last one of this browser; null where storage is forbidden or empty. */
export function readOrganizationChoice(): string | null {
  try {
    return sessionStorage.getItem(key) ?? localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** Two tabs may show two organisations; a new tab starts with the newest choice. */
export function writeOrganizationChoice(organizationId: string | null): void {
  try {
    for (const storage of [sessionStorage, localStorage]) {
      if (organizationId === null) storage.removeItem(key);
      else storage.setItem(key, organizationId);
    }
  } catch {
    // Without storage the choice lasts as long as the page.
  }
}
