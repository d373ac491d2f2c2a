import { isIP } from "node:net";
import { createProcessLease, enrollLeasePrefix, type ProcessLease } from "@rciots/process";
import {
  badRequest,
  notFound,
  type BusCalls,
  type CallBus,
  type CertificateRenewer,
  type Logger,
} from "@rciots/runtime";
import type { SigningRequest, Store } from "@rciots/store";
import type { CertificateAuthority } from "../authority/certificate-authority.ts";
import { readCsr } from "../enrollment/device-key.ts";

type Signed = BusCalls["certificate:sign"]["response"];

export interface SigningService {
  /** By which the others find this process. */
  lease: ProcessLease;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Certificates for the other processes: the next ones of connected devices, and those of their endpoints. What is
 * signed is read from the store, never from the bus: who can write to the bus gets nothing signed.
 */
export function createSigningService(options: {
  store: Pick<Store, "signingRequests" | "leases">;
  bus: CallBus;
  authority: CertificateAuthority;
  renewer: CertificateRenewer;
  holder: string;
  logger: Logger;
}): SigningService {
  const { store, bus, authority, renewer, holder, logger } = options;
  const lease = createProcessLease({ store, prefix: enrollLeasePrefix, processId: holder, logger });
  let end: () => void = () => undefined;

  async function signDevice({ organizationId, deviceId, csr }: SigningRequest): Promise<Signed> {
    if (organizationId === null || deviceId === null)
      throw badRequest({ message: "The request names no device." });
    const { notAfter, ...rest } = await renewer.renew({ organizationId, deviceId, csr });
    return { ...rest, notAfter: notAfter.toISOString() };
  }

  async function signServer({ csr, names }: SigningRequest): Promise<Signed> {
    const { chainPem, notAfter, serial } = await authority.issueServer({
      dnsNames: names.filter((name) => isIP(name) === 0),
      ipAddresses: names.filter((name) => isIP(name) !== 0),
      publicKey: readCsr(csr).publicKey,
    });
    logger.info({ names, serial, notAfter }, "server certificate issued");
    return {
      certificateChain: chainPem,
      caCertificates: authority.rootCertificates(),
      notAfter: notAfter.toISOString(),
    };
  }

  return {
    lease,
    async start() {
      await lease.start();
      end = bus.serve("certificate:sign", holder, async ({ requestId }) => {
        const request = await store.signingRequests.take(requestId);
        if (request === undefined)
          throw notFound({ code: "signing_request_not_found", message: "There is no such request." });
        return request.kind === "device" ? signDevice(request) : signServer(request);
      });
    },
    async stop() {
      end();
      await lease.stop();
    },
  };
}
