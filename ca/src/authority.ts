import { CaError } from "./ca-error.ts";
import { createIntermediateCa, createRootCa, createServerCa } from "./certificate-authorities.ts";
import { profiles } from "./certificate-profile.ts";
import type { IssuedCertificate } from "./certificate.ts";
import { buildCrl, type Crl, type RevokedCertificate } from "./crl.ts";
import { issueDeviceCertificate, issueServerCertificate, type SubjectKey } from "./end-entity.ts";
import { findIssuing, promote, type IntermediateRecord } from "./intermediate-record.ts";
import { createIssuer, loadCaCertificate, type CaCertificate, type Issuer } from "./issuer.ts";
import { createIssuerCache } from "./issuer-cache.ts";
import { keyAad, openKey, sealKey, type KeySealer } from "./key-seal.ts";

/** A CA of the platform itself (the root, or the CA of its servers) as it is stored. */
export interface PlatformCaRecord {
  /** SHA-256 of the certificate, lower-case hex. */
  readonly id: string;
  readonly certificatePem: string;
  readonly sealedKey: string;
}

export interface AuthorityOptions {
  root: PlatformCaRecord;
  /** The CA of the platform's endpoints; absent where server certificates come from elsewhere. */
  serverCa?: PlatformCaRecord;
  /** The sealer of an organisation's keys, or of the platform's for `undefined`. */
  sealerFor: (organizationId: string | undefined) => KeySealer | Promise<KeySealer>;
  /** Default 90 days. */
  deviceValidityMs?: number;
  /** Where the CRL of an issuer can be fetched; absent = certificates do not say. */
  crlUrlOf?: (issuerId: string) => string;
  now?: () => Date;
}

/** What a client gets: the leaf, and the leaf with its intermediate as TLS wants it. */
export interface IssuedWithChain extends IssuedCertificate {
  readonly chainPem: string;
  /** Fingerprint of the issuing intermediate. */
  readonly issuerId: string;
}

export type IssueDeviceRequest = SubjectKey & {
  organizationId: string;
  deviceId: string;
  /** All or just the issuing one of the organisation. */
  intermediates: readonly IntermediateRecord[];
  validityMs?: number;
};

export type IssueServerRequest = SubjectKey & {
  dnsNames: readonly string[];
  ipAddresses?: readonly string[];
  validityMs?: number;
};

export interface CrlRequest {
  intermediate: IntermediateRecord;
  entries: Iterable<RevokedCertificate>;
  number: number | bigint;
  nextUpdate: Date;
}

export interface Authority {
  /** The certificate agents trust. */
  readonly rootPem: string;
  readonly rootFingerprint: string;
  issueDevice(request: IssueDeviceRequest): Promise<IssuedWithChain>;
  issueServer(request: IssueServerRequest): Promise<IssuedWithChain>;
  /** The first intermediate of an organisation, or a further one; opens the root's key for the moment. */
  createIntermediate(request: { organizationId: string; name: string }): Promise<IntermediateRecord>;
  /**
   * A new issuing intermediate; the present one stays accepted, so that no device is locked out. Store the
   * returned state in one step, on the condition that the stored one is still the one given.
   */
  rotateIntermediate(request: {
    organizationId: string;
    name: string;
    intermediates: readonly IntermediateRecord[];
  }): Promise<{ issuing: IntermediateRecord; intermediates: IntermediateRecord[] }>;
  crl(request: CrlRequest): Promise<Crl>;
}

/** A new root and the CA of the platform's servers below it, sealed for storage. */
export async function createPlatformCas(options: {
  sealer: KeySealer;
  name: string;
  now?: Date;
}): Promise<{ root: PlatformCaRecord; serverCa: PlatformCaRecord }> {
  const { sealer, name, now = new Date() } = options;
  const root = createRootCa({ name: `${name} root`, now });
  const serverCa = createServerCa({ name: `${name} servers`, root, now });
  return { root: await toRecord(root, sealer), serverCa: await toRecord(serverCa, sealer) };
}

async function toRecord(ca: Issuer, sealer: KeySealer): Promise<PlatformCaRecord> {
  const sealedKey = await sealKey({ privateKey: ca.privateKey, sealer, aad: keyAad(ca.fingerprint) });
  return { id: ca.fingerprint, certificatePem: ca.pem, sealedKey };
}

/**
 * Issues with keys that are opened when needed. Intermediates' keys stay in memory, bounded in number; the
 * root's is dropped after each use. State comes in and goes out with each call.
 * @throws CaError when the root or server CA certificate can't be read
 */
export function createAuthority(options: AuthorityOptions): Authority {
  const {
    sealerFor,
    crlUrlOf,
    deviceValidityMs = profiles.device.lifetimeMs,
    now = () => new Date(),
  } = options;
  const root = loadCaCertificate(options.root.certificatePem);
  const issuers = createIssuerCache({ maxCount: 1_000 });

  const open = async (record: PlatformCaRecord, organizationId?: string): Promise<Issuer> => {
    const ca = loadCaCertificate(record.certificatePem);
    if (ca.organizationId !== organizationId) {
      throw new CaError("issuer_wrong_organisation", "The stored CA belongs to another organisation.");
    }
    const sealer = await sealerFor(organizationId);
    return createIssuer(
      ca,
      await openKey({ sealedKey: record.sealedKey, sealer, aad: keyAad(ca.fingerprint) }),
    );
  };
  const openIntermediate = (record: IntermediateRecord): Promise<Issuer> =>
    issuers.get(record.certificatePem, () => open(record, record.organizationId));
  const crlUrl = (issuer: CaCertificate): string | undefined => crlUrlOf?.(issuer.fingerprint);

  const createIntermediate: Authority["createIntermediate"] = async ({ organizationId, name }) => {
    const ca = createIntermediateCa({ root: await open(options.root), organizationId, name, now: now() });
    const record = await toRecord(ca, await sealerFor(organizationId));
    const { notBefore, notAfter } = ca;
    return { ...record, organizationId, status: "issuing", notBefore, notAfter, statusSince: now() };
  };

  return {
    rootPem: root.pem,
    rootFingerprint: root.fingerprint,
    createIntermediate,
    async issueDevice(request) {
      const own = request.intermediates.filter((record) => record.organizationId === request.organizationId);
      const record = findIssuing(own);
      if (record === undefined)
        throw new CaError("no_issuing_intermediate", "The organisation has no issuing CA.");
      const issuer = await openIntermediate(record);
      const validityMs = request.validityMs ?? deviceValidityMs;
      return withChain(
        issueDeviceCertificate({ ...request, validityMs, issuer, crlUrl: crlUrl(issuer), now: now() }),
        issuer,
      );
    },
    async issueServer(request) {
      const { serverCa } = options;
      if (serverCa === undefined)
        throw new CaError("no_issuing_intermediate", "The platform has no CA for servers.");
      const issuer = await issuers.get(serverCa.certificatePem, () => open(serverCa));
      return withChain(
        issueServerCertificate({ ...request, issuer, crlUrl: crlUrl(issuer), now: now() }),
        issuer,
      );
    },
    async rotateIntermediate({ intermediates, ...request }) {
      const issuing = await createIntermediate(request);
      return { issuing, intermediates: promote(intermediates, issuing, now()) };
    },
    async crl({ intermediate, ...request }) {
      return buildCrl({ ...request, issuer: await openIntermediate(intermediate), now: now() });
    },
  };
}

function withChain(issued: IssuedCertificate, issuer: CaCertificate): IssuedWithChain {
  return { ...issued, chainPem: issued.certificatePem + issuer.pem, issuerId: issuer.fingerprint };
}
