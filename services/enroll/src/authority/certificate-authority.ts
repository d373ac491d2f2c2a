import {
  createIntermediateCa,
  createIssuer,
  createRootCa,
  createServerCa,
  issueDeviceCertificate,
  issueServerCertificate,
  isCaError,
  keyAad,
  loadCaCertificate,
  openKey,
  sealKey,
  type Issuer,
} from "@rciots/ca";
import type { KeyObject } from "node:crypto";
import type { Logger } from "@rciots/runtime";
import { authorityNumber, type Authority, type Store } from "@rciots/store";
import type { Audit } from "../audit.ts";
import { createIssuerBook } from "./issuer-book.ts";
import { wrongCaKey, type CaVault } from "./platform-key.ts";

export interface IssuedCertificate {
  /** PEM: leaf, intermediate, and for servers the root. */
  chainPem: string;
  /** Upper-case hex. */
  serial: string;
  /** `_id` of the authority. */
  issuerId: string;
  notBefore: Date;
  notAfter: Date;
}

export interface CertificateAuthorityOptions {
  store: Store;
  caVault: CaVault;
  audit: Audit;
  logger: Logger;
  /** In the names of the CA certificates; at most 40 characters. */
  platformName: string;
  deviceLifetimeMs: number;
  serverLifetimeMs: number;
  now: () => Date;
}

export interface CertificateAuthority {
  /**
   * Makes what is missing of the platform's own authorities and opens their keys once.
   * @throws AppError `ca_key_wrong`
   */
  start(): Promise<void>;
  /** PEM; throws before `start`. */
  rootCertificates(): string;
  issueDevice(subject: {
    organizationId: string;
    deviceId: string;
    publicKey: KeyObject;
  }): Promise<IssuedCertificate>;
  issueServer(subject: {
    dnsNames: string[];
    ipAddresses: string[];
    publicKey: KeyObject;
  }): Promise<IssuedCertificate>;
  /**
   * The newest issuing intermediate of an organisation, made where there is none, where a rotation was asked
   * for, and where the present one ends too soon; older ones become accepted. Any number of callers and
   * replicas make one.
   */
  ensureIssuing(organizationId: string): Promise<Authority>;
  /** With its key. */
  open(authority: Authority): Promise<Issuer>;
}

/** The certificate authorities of the platform over the store; the CA package does the certificates. */
export function createCertificateAuthority(options: CertificateAuthorityOptions): CertificateAuthority {
  const { store, caVault, audit, logger, platformName, deviceLifetimeMs, serverLifetimeMs, now } = options;
  let roots: Authority[] = [];

  async function open(authority: Authority): Promise<Issuer> {
    const certificate = loadCaCertificate(authority.certificatePem);
    const { sealedKey } = authority;
    const aad = keyAad(certificate.fingerprint);
    return createIssuer(certificate, await openKey({ sealedKey, sealer: caVault, aad }));
  }

  async function insert(
    id: string,
    { kind, organizationId }: Pick<Authority, "kind" | "organizationId">,
    ca: Issuer,
  ): Promise<{ authority: Authority; isNew: boolean }> {
    const aad = keyAad(ca.fingerprint);
    return store.authorities.insertOrGet({
      _id: id,
      organizationId,
      kind,
      status: "issuing",
      certificatePem: ca.pem,
      sealedKey: await sealKey({ privateKey: ca.privateKey, sealer: caVault, aad }),
      notAfter: ca.notAfter,
      crlNumber: 0,
      rotationRequestedAt: null,
      createdAt: now(),
    });
  }

  function newestRoot(): Authority {
    const [root] = roots;
    if (root === undefined) throw new Error("The certificate authority has not started.");
    return root;
  }

  // Twice the lifetime of what it issues: nothing it issues is cut short by its own end.
  const endsTooSoon = (authority: Authority, lifetimeMs: number): boolean =>
    authority.notAfter.getTime() - now().getTime() < 2 * lifetimeMs;

  async function ensureRoot(): Promise<void> {
    roots = (await store.authorities.listPlatform("root")).filter((root) => root.status !== "retired");
    if (roots.length > 0) return;
    const ca = createRootCa({ name: `${platformName} root`, now: now() });
    const { authority, isNew } = await insert("root:1", { kind: "root", organizationId: null }, ca);
    roots = [authority];
    if (isNew)
      logger.info({ authorityId: authority._id, fingerprint: ca.fingerprint }, "root authority made");
  }

  async function ensureServerIssuer(): Promise<Authority> {
    const [newest] = await store.authorities.listPlatform("server");
    if (newest !== undefined && !endsTooSoon(newest, serverLifetimeMs)) return newest;
    const number = newest === undefined ? 1 : authorityNumber(newest._id) + 1;
    const root = await open(newestRoot());
    const ca = createServerCa({ name: `${platformName} servers`, root, now: now() });
    const owner = { kind: "server", organizationId: null } as const;
    const { authority, isNew } = await insert(`server:${number}`, owner, ca);
    if (isNew) logger.info({ authorityId: authority._id }, "issuer of server certificates made");
    return authority;
  }

  async function makeIntermediate(organizationId: string, number: number): Promise<Authority> {
    const root = await open(newestRoot());
    const ca = createIntermediateCa({ name: `${platformName} devices`, root, organizationId, now: now() });
    const owner = { kind: "organization", organizationId } as const;
    const { authority, isNew } = await insert(`${organizationId}:${number}`, owner, ca);
    if (isNew) {
      logger.info({ organizationId, authorityId: authority._id }, "intermediate authority made");
      await audit.record({
        organizationId,
        kind: number === 1 ? "authority.created" : "authority.rotated",
        actor: { kind: "platform", id: "enroll", name: "Enrolment" },
        message:
          number === 1
            ? "The organisation's certificate authority was made."
            : "The organisation has a new issuing certificate authority; certificates of the former stay valid.",
        details: { authorityId: authority._id, fingerprint: ca.fingerprint },
      });
    }
    return authority;
  }

  async function ensureIssuing(organizationId: string): Promise<Authority> {
    const [newest, ...older] = await store.authorities.listOfOrganization(organizationId);
    if (newest === undefined) return makeIntermediate(organizationId, 1);
    const isDue =
      newest.status !== "issuing" ||
      newest.rotationRequestedAt !== null ||
      endsTooSoon(newest, deviceLifetimeMs);
    const issuing = isDue ? await makeIntermediate(organizationId, authorityNumber(newest._id) + 1) : newest;
    // The new one is stored first: a process that dies here leaves two issuing, and the next caller mends it.
    for (const former of isDue ? [newest, ...older] : older) {
      if (former.status === "issuing") await store.authorities.setStatus(former._id, "accepted");
    }
    return issuing;
  }

  const book = createIssuerBook({ find: ensureIssuing, open, maxAgeMs: 5_000, maxCount: 5_000 });

  return {
    ensureIssuing,
    open,
    rootCertificates: () => [newestRoot(), ...roots.slice(1)].map((root) => root.certificatePem).join(""),

    async start() {
      try {
        await ensureRoot();
        await open(newestRoot());
        await open(await ensureServerIssuer());
      } catch (error) {
        throw isCaError(error) && error.code === "sealed_key_invalid" ? wrongCaKey(error) : error;
      }
    },

    async issueDevice({ organizationId, deviceId, publicKey }) {
      const { authority, issuer } = await book.get(organizationId);
      const issued = issueDeviceCertificate({
        issuer,
        organizationId,
        deviceId,
        publicKey,
        validityMs: deviceLifetimeMs,
        now: now(),
      });
      const { serial, notBefore, notAfter } = issued;
      const chainPem = issued.certificatePem + issuer.pem;
      return { chainPem, serial, notBefore, notAfter, issuerId: authority._id };
    },

    async issueServer(subject) {
      const authority = await ensureServerIssuer();
      const issuer = await open(authority);
      const issued = issueServerCertificate({
        ...subject,
        issuer,
        validityMs: serverLifetimeMs,
        now: now(),
      });
      const { serial, notBefore, notAfter } = issued;
      // With the root: a client that was given its fingerprint finds it in the handshake.
      const chainPem = issued.certificatePem + issuer.pem + newestRoot().certificatePem;
      return { chainPem, serial, notBefore, notAfter, issuerId: authority._id };
    },
  };
}
