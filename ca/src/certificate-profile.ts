/** The positions of RFC 5280, 4.2.1.3. */
export const keyUsageBits = { digitalSignature: 0, keyCertSign: 5, cRLSign: 6 } as const;
export type KeyUsage = keyof typeof keyUsageBits;
export type ExtendedKeyUsage = "serverAuth" | "clientAuth";

export const dayMs = 86_400_000;
export const yearMs = 365 * dayMs;

/** Clocks of platform and devices differ; a certificate is valid this long before it was made. */
export const backdateMs = 5 * 60_000;

/** What a kind of certificate is; names, keys and dates come from the call. */
export interface CertificateProfile {
  readonly kind: "root" | "organization-ca" | "server-ca" | "device" | "server" | "peer";
  readonly isCa: boolean;
  /** How many CAs may follow; absent = no bound. Only of CAs. */
  readonly pathLength?: number;
  readonly keyUsage: readonly KeyUsage[];
  /** Of a CA: also the bound on what it may issue, which OpenSSL enforces. Empty = the extension is absent. */
  readonly extendedKeyUsage: readonly ExtendedKeyUsage[];
  readonly lifetimeMs: number;
  readonly maxLifetimeMs: number;
}

const caUsage: readonly KeyUsage[] = ["keyCertSign", "cRLSign"];

export const profiles = {
  root: {
    kind: "root",
    isCa: true,
    pathLength: 1,
    keyUsage: caUsage,
    extendedKeyUsage: [],
    lifetimeMs: 20 * yearMs,
    maxLifetimeMs: 30 * yearMs,
  },
  organizationCa: {
    kind: "organization-ca",
    isCa: true,
    pathLength: 0,
    keyUsage: caUsage,
    extendedKeyUsage: ["clientAuth"],
    lifetimeMs: 5 * yearMs,
    maxLifetimeMs: 10 * yearMs,
  },
  serverCa: {
    kind: "server-ca",
    isCa: true,
    pathLength: 0,
    keyUsage: caUsage,
    extendedKeyUsage: ["serverAuth"],
    lifetimeMs: 5 * yearMs,
    maxLifetimeMs: 10 * yearMs,
  },
  device: {
    kind: "device",
    isCa: false,
    keyUsage: ["digitalSignature"],
    extendedKeyUsage: ["clientAuth"],
    lifetimeMs: 90 * dayMs,
    maxLifetimeMs: 825 * dayMs,
  },
  server: {
    kind: "server",
    isCa: false,
    keyUsage: ["digitalSignature"],
    extendedKeyUsage: ["serverAuth"],
    lifetimeMs: 90 * dayMs,
    maxLifetimeMs: 397 * dayMs,
  },
  /** Of the platform's own processes, each of which calls the others and is called by them. */
  peer: {
    kind: "peer",
    isCa: false,
    keyUsage: ["digitalSignature"],
    extendedKeyUsage: ["serverAuth", "clientAuth"],
    lifetimeMs: 90 * dayMs,
    maxLifetimeMs: 397 * dayMs,
  },
} as const satisfies Record<string, CertificateProfile>;
