import type { Server as TlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import {
  createHttpServer,
  type Bus,
  type CertificateRenewer,
  type Logger,
  type RequestMeasure,
  type TlsFiles,
  type TlsMaterial,
  type TlsSource,
  type TryLimits,
} from "@rciots/runtime";
import type { Store } from "@rciots/store";
import { releaseMaintenance } from "./authority/maintenance.ts";
import { loadDeviceTokens, type CaVault } from "./authority/platform-key.ts";
import { composeEnroll } from "./compose.ts";
import type { Health } from "./health.ts";
import type { TrustProxy } from "./http/app.ts";
import type { Outcomes } from "./outcomes.ts";
import type { RateLimitOptions } from "./rate-limits.ts";

export interface EnrollOptions {
  store: Store;
  bus: Bus;
  logger: Logger;
  /** The vault of the CA's keys (RCIOTS_CA_KEY). */
  caVault: CaVault;
  host: string;
  port: number;
  /** Where the channel is, such as `wss://edge.example.com:443`; told to every device. */
  edgeUrl: string;
  /** DNS names and IP addresses of the endpoints, besides localhost. */
  serverNames: { enroll: string[]; edge: string[] };
  /** Of device certificates. */
  certificateLifetimeMs: number;
  /** Whether a client may have its key made here. */
  allowServerKeys: boolean;
  rateLimits?: Partial<RateLimitOptions>;
  /** Where failures are counted; default: by this process alone. */
  tryLimits?: TryLimits | undefined;
  /** Told of each call that was answered. */
  onRequest?: ((measure: RequestMeasure) => void) | undefined;
  /** A server certificate of another CA, for both endpoints; looked at anew while it runs. */
  ownTls?: TlsFiles;
  /** Proxies whose word on the client's address counts; default none. */
  trustProxy?: TrustProxy;
  /** In the names of the CA certificates, at most 40 characters; default `RCIoTS`. */
  platformName?: string;
  /** Default 90 days. */
  serverCertificateLifetimeMs?: number;
  /** Between two polls of a device that waits for approval; default 10,000. */
  pendingRetryMs?: number;
  /** Between two looks at rotations, open claims and certificate files; default 15,000. */
  maintenanceIntervalMs?: number;
  now?: () => Date;
}

export interface EnrollNumbers {
  /** Since the start. */
  outcomes: ReturnType<Outcomes["list"]>;
  /** Of each kind of certificate the one that ends first. */
  certificateEnds: { kind: string; notAfter: Date }[];
}

export interface Enroll {
  /**
   * Makes or opens the certificate authority, then listens. Rejects with one sentence where the CA key is
   * wrong, a certificate can't be used or the port is taken.
   */
  start(): Promise<void>;
  stop(): Promise<void>;
  address(): AddressInfo;
  health: Health;
  /** What the connector renews certificates through; rejects before `start`. */
  renewer: CertificateRenewer;
  /** The server certificate of the connector's endpoint; throws before `start`. */
  edgeTls: TlsSource;
  /** PEM; throws before `start`. */
  rootCertificates(): string;
  /** For who watches it: how calls ended, and when what it signs with ends. */
  numbers(): Promise<EnrollNumbers>;
}

/** More wait in the kernel's queue for nothing; a device that is refused comes back. */
const maxConnections = 10_000;
const tlsLimits = { minVersion: "TLSv1.2", handshakeTimeout: 15_000 } as const;

/** Enrolment: the platform's certificate authority and the HTTPS endpoint devices get their identity from. */
export function createEnroll(options: EnrollOptions): Enroll {
  const parts = composeEnroll(options);
  const { store, logger } = options;
  const { authority, tls, audit, organizations, renewer, health, holder, loops, signing, state } = parts;
  const http = createHttpServer({
    listener: parts.app,
    host: options.host,
    port: options.port,
    tls: tlsLimits,
  });
  // Created with TLS options, so it is one.
  const server = http.server as TlsServer;
  server.maxConnections = maxConnections;
  let endTlsSubscription: () => void = () => undefined;

  function useCertificate({ key, cert }: TlsMaterial): void {
    server.setSecureContext({ ...tlsLimits, key, cert });
  }

  return {
    health,
    renewer,
    edgeTls: tls.edge,
    rootCertificates: authority.rootCertificates,
    address: http.address,
    numbers: parts.numbers,
    async start() {
      parts.openDeviceTokens(await loadDeviceTokens(store, options.caVault));
      await authority.start();
      await tls.load();
      useCertificate(tls.enroll.current());
      endTlsSubscription = tls.enroll.onChange(useCertificate);
      await http.start();
      await signing.start();
      for (const { loop } of loops) loop.start();
      state.isStarted = true;
      logger.info({ ...http.address() }, "enrolment listens");
    },
    async stop() {
      state.isStarted = false;
      endTlsSubscription();
      await http.stop();
      await Promise.all(loops.map(({ loop }) => loop.stop()));
      await signing.stop();
      organizations.close();
      await parts.claims.drain();
      await audit.drain();
      await releaseMaintenance(store, holder);
    },
  };
}
