import { buildCrl, type RevocationReason } from "@rciots/ca";
import { notFound } from "@rciots/runtime";
import type { Store } from "@rciots/store";
import type { CertificateAuthority } from "./certificate-authority.ts";

export interface CrlService {
  /** DER; rejects with 404 `issuer_not_found`. */
  read(issuerId: string): Promise<Crl>;
}

export interface Crl {
  der: Buffer;
  nextUpdate: Date;
}

interface Entry {
  checkedAtMs: number;
  state: string;
  crl: Crl;
}

const dayMs = 86_400_000;
/** How long a list may be used by those who fetched it. */
const validityMs = 7 * dayMs;
/** A revoked certificate stays listed this long after its own end: on one full list at least (RFC 5280, 3.3). */
const keepMs = 2 * validityMs;
/** Between two looks at the store. */
const maxAgeMs = 1_000;
const maxCount = 500;

const reasons: ReadonlySet<string> = new Set<RevocationReason>([
  "keyCompromise",
  "caCompromise",
  "affiliationChanged",
  "superseded",
  "cessationOfOperation",
  "certificateHold",
  "privilegeWithdrawn",
]);
const isReason = (reason: string | null): reason is RevocationReason =>
  reason !== null && reasons.has(reason);

/** Lists of revoked device certificates, signed by their issuer; signed anew only when the entries change. */
export function createCrlService(options: {
  store: Store;
  authority: CertificateAuthority;
  now: () => Date;
}): CrlService {
  const { store, authority, now } = options;
  const entries = new Map<string, Entry>();
  const loading = new Map<string, Promise<Crl>>();

  async function build(issuerId: string, keptFrom: Date): Promise<Crl> {
    const issuer = await store.authorities.get(issuerId);
    if (issuer?.kind !== "organization") {
      throw notFound({ code: "issuer_not_found", message: "There is no such certificate authority." });
    }
    const revoked = await store.certificates.listRevoked(issuerId, keptFrom);
    const nextUpdate = new Date(now().getTime() + validityMs);
    const crl = await buildCrl({
      issuer: await authority.open(issuer),
      entries: revoked.map(({ _id, revokedAt, reason }) => ({
        serial: _id,
        revokedAt: revokedAt ?? now(),
        ...(isReason(reason) ? { reason } : {}),
      })),
      number: await store.authorities.nextCrlNumber(issuerId),
      nextUpdate,
      now: now(),
    });
    return { der: crl.der, nextUpdate };
  }

  async function load(issuerId: string): Promise<Crl> {
    const checkedAtMs = now().getTime();
    const keptFrom = new Date(checkedAtMs - keepMs);
    // Before the entries: one revoked in between is found by the next look, never missed.
    const state = await store.certificates.revocationState(issuerId, keptFrom);
    const known = entries.get(issuerId);
    const isFresh = known?.state === state && known.crl.nextUpdate.getTime() - checkedAtMs > validityMs / 2;
    const crl = isFresh ? known.crl : await build(issuerId, keptFrom);
    entries.delete(issuerId);
    entries.set(issuerId, { checkedAtMs, state, crl });
    const [oldest] = entries.keys();
    if (entries.size > maxCount && oldest !== undefined) entries.delete(oldest);
    return crl;
  }

  return {
    async read(issuerId) {
      const known = entries.get(issuerId);
      if (known !== undefined && now().getTime() - known.checkedAtMs < maxAgeMs) return known.crl;
      const underWay = loading.get(issuerId) ?? load(issuerId).finally(() => loading.delete(issuerId));
      loading.set(issuerId, underWay);
      return underWay;
    },
  };
}
