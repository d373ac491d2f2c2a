import { X509Certificate } from "node:crypto";
import {
  AppError,
  certificateFingerprint,
  createDeviceVerifier,
  sleep,
  type DeviceIdentity,
  type DeviceVerifier,
  type TlsSource,
} from "@rciots/runtime";
import type { PublicAuthority, Store } from "@rciots/store";

export interface KnownAuthorities {
  /**
   * Checks a certificate (DER) against the roots and the organisations' intermediates that are not retired.
   * @throws AppError 401 with a DeviceCertificateErrorCode
   */
  verify(leaf: X509Certificate, deviceId: string, now: Date): Promise<DeviceIdentity>;
  /** True while certificates of this issuer count; from what was last read. */
  isAccepted(issuerId: string): boolean;
  /** True where the organisation has another intermediate that issues now. */
  isSuperseded(issuerId: string): boolean;
  refresh(): Promise<void>;
}

interface Snapshot {
  verifier: DeviceVerifier;
  rootsPem: string;
  bySubject: Map<string, string[]>;
  accepted: Set<string>;
  issuing: Set<string>;
}

const certificatePem = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
/** An unknown issuer may be a new one; a flood of strangers must not become a flood of queries. */
const minRefreshMs = 1_000;

function buildSnapshot(authorities: PublicAuthority[], rootsPem: string, before?: Snapshot): Snapshot {
  const verifier =
    before?.rootsPem === rootsPem
      ? before.verifier
      : createDeviceVerifier({ roots: rootsPem.match(certificatePem) ?? [] });
  const snapshot: Snapshot = {
    verifier,
    rootsPem,
    bySubject: new Map(),
    accepted: new Set(),
    issuing: new Set(),
  };
  for (const { certificatePem: pem, status } of authorities) {
    if (status === "retired") continue;
    const certificate = new X509Certificate(pem);
    const issuerId = certificateFingerprint(certificate.raw);
    snapshot.accepted.add(issuerId);
    if (status === "issuing") snapshot.issuing.add(issuerId);
    const { subject } = certificate;
    snapshot.bySubject.set(subject, [...(snapshot.bySubject.get(subject) ?? []), pem]);
  }
  return snapshot;
}

/** Keeps the public certificates of the platform's CAs; a resumed TLS session presents no intermediate. */
export function createKnownAuthorities(options: {
  store: Pick<Store, "deviceSessions">;
  edgeTls: TlsSource;
}): KnownAuthorities {
  const { store, edgeTls } = options;
  let snapshot: Snapshot | undefined;
  let refreshing: Promise<void> | undefined;
  let soon: Promise<void> | undefined;
  let refreshedAt = Number.NEGATIVE_INFINITY;

  async function load(): Promise<void> {
    refreshedAt = performance.now();
    const authorities = await store.deviceSessions.listAuthorities();
    snapshot = buildSnapshot(authorities, edgeTls.current().ca, snapshot);
  }

  function refresh(): Promise<void> {
    refreshing ??= load().finally(() => (refreshing = undefined));
    return refreshing;
  }

  /** A reading that begins after this call; all who wait for one share it. */
  function refreshSoon(): Promise<void> {
    soon ??= sleep(Math.max(0, minRefreshMs - (performance.now() - refreshedAt))).then(() => {
      soon = undefined;
      return load();
    });
    return soon;
  }

  async function candidatesFor(leaf: X509Certificate): Promise<Snapshot> {
    const isKnown = snapshot?.bySubject.has(leaf.issuer) === true;
    if (!isKnown) await refreshSoon();
    else if (snapshot?.rootsPem !== edgeTls.current().ca) await refresh();
    if (snapshot === undefined) throw new Error("The authorities are not loaded yet.");
    return snapshot;
  }

  return {
    async verify(leaf, deviceId, at) {
      const { verifier, bySubject, accepted } = await candidatesFor(leaf);
      // The newest few: an organisation has one or two that are in force.
      const intermediates = (bySubject.get(leaf.issuer) ?? []).slice(-16);
      if (intermediates.length === 0) {
        throw new AppError({
          code: "certificate_unknown_issuer",
          status: 401,
          message: "The certificate's issuer is not known or is retired.",
        });
      }
      return verifier.verify({
        leaf: leaf.raw,
        intermediates,
        now: at,
        expected: { deviceId, issuerIds: accepted },
      });
    },
    isAccepted: (issuerId) => snapshot?.accepted.has(issuerId) === true,
    isSuperseded: (issuerId) => snapshot !== undefined && !snapshot.issuing.has(issuerId),
    refresh,
  };
}
