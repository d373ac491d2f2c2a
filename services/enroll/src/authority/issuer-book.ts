import type { Issuer } from "@rciots/ca";
import type { Authority } from "@rciots/store";

export interface OpenIssuer {
  authority: Authority;
  issuer: Issuer;
}

interface Entry {
  open: Promise<OpenIssuer>;
  checkedAtMs: number;
}

/**
 * The issuing intermediate of each organisation with its opened key. Callers at the same time share one look-up;
 * after `maxAgeMs` the store is asked again, because another replica may have rotated it, and the opened key is
 * kept where it is still the same authority. Failures are not kept; the least recently used go first.
 */
export function createIssuerBook(options: {
  find: (organizationId: string) => Promise<Authority>;
  open: (authority: Authority) => Promise<Issuer>;
  maxAgeMs: number;
  maxCount: number;
}): { get: (organizationId: string) => Promise<OpenIssuer> } {
  const entries = new Map<string, Entry>();

  async function load(organizationId: string, former: Promise<OpenIssuer> | undefined): Promise<OpenIssuer> {
    const authority = await options.find(organizationId);
    const known = await former?.catch(() => undefined);
    if (known?.authority._id === authority._id) return { authority, issuer: known.issuer };
    return { authority, issuer: await options.open(authority) };
  }

  function remember(organizationId: string, entry: Entry): void {
    entries.delete(organizationId);
    entries.set(organizationId, entry);
    const [oldest] = entries.keys();
    if (entries.size > options.maxCount && oldest !== undefined) entries.delete(oldest);
  }

  return {
    get(organizationId) {
      const known = entries.get(organizationId);
      if (known !== undefined && performance.now() - known.checkedAtMs < options.maxAgeMs) {
        remember(organizationId, known);
        return known.open;
      }
      const entry = { open: load(organizationId, known?.open), checkedAtMs: performance.now() };
      remember(organizationId, entry);
      entry.open.catch(() => {
        if (entries.get(organizationId) === entry) entries.delete(organizationId);
      });
      return entry.open;
    },
  };
}
