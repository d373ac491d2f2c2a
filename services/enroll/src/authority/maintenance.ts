import { keyAad, loadCaCertificate } from "@rciots/ca";
import { createLoop, errorMessage, type Logger, type Loop } from "@rciots/runtime";
import type { Authority, Store } from "@rciots/store";
import type { CertificateAuthority } from "./certificate-authority.ts";
import type { CaVault } from "./platform-key.ts";

export interface MaintenanceOptions {
  store: Store;
  authority: CertificateAuthority;
  caVault: CaVault;
  logger: Logger;
  /** Names this process among the replicas. */
  holder: string;
  intervalMs: number;
  deviceLifetimeMs: number;
  now: () => Date;
}

/**
 * A replica may go on issuing with a superseded intermediate for as long as it remembers it; only after this
 * long is "no unexpired certificate" final.
 */
const settlingMs = 3_600_000;
const pageSize = 200;
const leaseName = "enroll/authorities";

/**
 * Rotates intermediates that an operator asked for or that end soon, retires those whose last certificate has
 * expired, and seals keys anew when the CA key changes. Every step can be repeated, on any replica.
 */
export function createAuthorityMaintenance(options: MaintenanceOptions): Loop {
  const { store, authority, caVault, logger, holder, intervalMs, deviceLifetimeMs, now } = options;
  let isResealed = false;

  async function rotate(signal: AbortSignal): Promise<void> {
    const endsBefore = new Date(now().getTime() + 2 * deviceLifetimeMs);
    for (const organizationId of await store.authorities.organizationsToRotate(endsBefore)) {
      if (signal.aborted) return;
      await authority.ensureIssuing(organizationId);
    }
  }

  async function isOver(superseded: Authority): Promise<boolean> {
    if (superseded.notAfter < now()) return true;
    const [newest] = await store.authorities.listOfOrganization(superseded.organizationId ?? "");
    const isSettled = newest !== undefined && now().getTime() - newest.createdAt.getTime() > settlingMs;
    return isSettled && !(await store.certificates.hasUnexpired(superseded._id, now()));
  }

  async function retire(signal: AbortSignal): Promise<void> {
    for (const superseded of await store.authorities.listSuperseded()) {
      if (signal.aborted) return;
      if (!(await isOver(superseded))) continue;
      await store.authorities.setStatus(superseded._id, "retired");
      logger.info({ authorityId: superseded._id }, "intermediate authority retired");
    }
  }

  async function reseal(found: Authority): Promise<void> {
    const { _id, sealedKey, certificatePem } = found;
    if (caVault.isCurrent(sealedKey)) return;
    const aad = keyAad(loadCaCertificate(certificatePem).fingerprint);
    await store.authorities.reseal(_id, sealedKey, caVault.rewrap(sealedKey, aad));
  }

  /** Once in the life of a process: the CA key changes with a restart. */
  async function resealAll(signal: AbortSignal): Promise<void> {
    let after = "";
    let isComplete = true;
    while (!signal.aborted && !isResealed) {
      const page = await store.authorities.page(after, pageSize);
      for (const found of page) {
        try {
          await reseal(found);
        } catch (error) {
          isComplete = false;
          logger.error({ authorityId: found._id, error: errorMessage(error) }, "CA key can't be sealed anew");
        }
      }
      after = page.at(-1)?._id ?? after;
      if (page.length < pageSize) break;
    }
    isResealed = isComplete && !signal.aborted;
  }

  return createLoop({
    name: "enroll authorities",
    intervalMs,
    logger,
    async step(signal) {
      const leaseMs = Math.max(60_000, 3 * intervalMs);
      if (!(await store.leases.claim(leaseName, holder, leaseMs, now()))) return;
      await rotate(signal);
      await retire(signal);
      await resealAll(signal);
    },
  });
}

/** Lets another replica take over at once. */
export async function releaseMaintenance(store: Store, holder: string): Promise<void> {
  await store.leases.release(leaseName, holder);
}
