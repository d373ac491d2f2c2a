import { newId } from "@rciots/runtime";
import { createAudit } from "./audit.ts";
import { createCertificateAuthority } from "./authority/certificate-authority.ts";
import { createCrlService } from "./authority/crl.service.ts";
import { createAuthorityMaintenance } from "./authority/maintenance.ts";
import type { DeviceTokens } from "./authority/platform-key.ts";
import type { EnrollOptions } from "./enroll.ts";
import { createOrganizationAccess } from "./enrollment/device-access.ts";
import { createDeviceCertificates } from "./enrollment/device-certificates.ts";
import { createEnrollmentService } from "./enrollment/enrollment.service.ts";
import { createKnownDevices } from "./enrollment/known-device.ts";
import { createNewDevices } from "./enrollment/new-device.ts";
import { createRecoveryService } from "./enrollment/recovery.service.ts";
import { createRenewalService } from "./enrollment/renewal.service.ts";
import { createTokenClaims } from "./enrollment/token-claims.ts";
import { createTokenLookup } from "./enrollment/token-lookup.ts";
import { createHealth, type WatchedLoop } from "./health.ts";
import { createApp } from "./http/app.ts";
import { createNumbers } from "./numbers.ts";
import { countRenewals, createOutcomes } from "./outcomes.ts";
import { createRateLimits } from "./rate-limits.ts";
import { createSigningService } from "./signing/signing.service.ts";
import { createServerTls } from "./tls/server-tls.ts";

const dayMs = 86_400_000;

/** Options with their defaults, and what every part needs. */
function createFoundation(options: EnrollOptions) {
  const {
    store,
    bus,
    logger,
    caVault,
    certificateLifetimeMs: deviceLifetimeMs,
    now = () => new Date(),
  } = options;
  const intervalMs = options.maintenanceIntervalMs ?? 15_000;
  const rateLimits = createRateLimits(options.rateLimits, options.tryLimits);
  const audit = createAudit({ store, bus, logger, rateLimits });
  const platformName = options.platformName ?? "RCIoTS";
  const serverLifetimeMs = options.serverCertificateLifetimeMs ?? 90 * dayMs;
  const base = { store, bus, logger, caVault, audit, deviceLifetimeMs, now };
  const authority = createCertificateAuthority({ ...base, platformName, serverLifetimeMs });
  return { ...base, intervalMs, rateLimits, authority };
}
type Foundation = ReturnType<typeof createFoundation>;

/** The domain: who gets a certificate. */
function createServices(options: EnrollOptions, foundation: Foundation) {
  const { store, bus, authority, logger, intervalMs, now } = foundation;
  const { rootCertificates } = authority;
  let derive: DeviceTokens | undefined;
  const deviceTokens: DeviceTokens = (deviceId) => {
    if (derive === undefined) throw new Error("Enrolment has not started.");
    return derive(deviceId);
  };
  const facts = {
    edgeUrl: options.edgeUrl,
    pendingRetryMs: options.pendingRetryMs ?? 10_000,
    rootCertificates,
    now,
  };
  const organizations = createOrganizationAccess({ store, bus });
  const certificates = createDeviceCertificates({ store, authority });
  const claims = createTokenClaims({ store, logger, recoveryIntervalMs: intervalMs, now });
  const shared = {
    ...foundation,
    rootCertificates,
    organizations,
    certificates,
    claims,
    deviceTokens,
    facts,
  };
  return {
    organizations,
    claims,
    openDeviceTokens: (opened: DeviceTokens) => (derive = opened),
    renewer: createRenewalService(shared),
    recovery: createRecoveryService(shared),
    enrollment: createEnrollmentService({
      ...shared,
      knownDevices: createKnownDevices(shared),
      newDevices: createNewDevices(shared),
      allowServerKeys: options.allowServerKeys,
    }),
  };
}

/** All parts of the service, wired; nothing runs yet. */
export function composeEnroll(options: EnrollOptions) {
  const foundation = createFoundation(options);
  const services = createServices(options, foundation);
  const { store, authority, audit, rateLimits, logger, intervalMs, now } = foundation;
  const { rootCertificates } = authority;
  const holder = newId("enr");
  const outcomes = createOutcomes();
  const tls = createServerTls({ ...options, authority, intervalMs, now });
  const renewer = countRenewals(services.renewer, outcomes);
  const signing = createSigningService({ ...foundation, renewer, holder });
  const loops: WatchedLoop[] = [
    { name: "lease", loop: signing.lease.loop },
    { name: "authorities", loop: createAuthorityMaintenance({ ...foundation, holder }) },
    { name: "open claims", loop: services.claims.recovery },
    ...tls.loops,
  ].map((entry) => ({ ...entry, maxAgeMs: Math.max(120_000, 8 * intervalMs) }));
  const state = { isStarted: false };
  const health = createHealth({
    store,
    tls: tls.enroll,
    isStarted: () => state.isStarted,
    loops: () => loops,
    now,
  });
  const app = createApp({
    ...{ logger, audit, health, rateLimits, rootCertificates, outcomes, now },
    onRequest: options.onRequest ?? (() => undefined),
    trustProxy: options.trustProxy ?? false,
    tokens: createTokenLookup({ store }),
    enrollment: services.enrollment,
    recovery: services.recovery,
    crls: createCrlService({ store, authority, now }),
  });
  const numbers = createNumbers({ store, outcomes, tls: tls.enroll });
  return { ...services, renewer, numbers, app, audit, authority, health, holder, loops, signing, state, tls };
}
