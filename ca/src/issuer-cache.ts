import type { Issuer } from "./issuer.ts";

interface IssuerCache {
  get(key: string, open: () => Promise<Issuer>): Promise<Issuer>;
}

/** Keeps the most recently used; calls at the same time share one opening; failures are not kept. */
export function createIssuerCache({ maxCount }: { maxCount: number }): IssuerCache {
  const issuers = new Map<string, Promise<Issuer>>();
  return {
    get(key, open) {
      const issuer = issuers.get(key) ?? open();
      // A Map keeps the order of insertion: putting it in anew makes it the youngest.
      issuers.delete(key);
      issuers.set(key, issuer);
      issuer.catch(() => {
        if (issuers.get(key) === issuer) issuers.delete(key);
      });
      const [oldest] = issuers.keys();
      if (issuers.size > maxCount && oldest !== undefined) issuers.delete(oldest);
      return issuer;
    },
  };
}
