import type { CertificateRenewer } from "@rciots/runtime";
import type { Device, Store } from "@rciots/store";
import type { Audit } from "../audit.ts";
import { refuse } from "../refusals.ts";
import { refuseByStatus, type OrganizationAccess } from "./device-access.ts";
import type { DeviceCertificates } from "./device-certificates.ts";
import { readCsr } from "./device-key.ts";

/** A request whose answer was lost is repeated within this time, with the same key. */
const repetitionMs = 3_600_000;

/** Next certificates for connected devices; the caller has verified who asks. */
export function createRenewalService(options: {
  store: Store;
  audit: Audit;
  organizations: OrganizationAccess;
  certificates: DeviceCertificates;
  rootCertificates: () => string;
  now: () => Date;
}): CertificateRenewer {
  const { store, audit, organizations, certificates, rootCertificates, now } = options;

  async function wasIssuedLately(device: Device): Promise<boolean> {
    const serial = device.certificate?.serial;
    const issued = serial === undefined ? undefined : await store.certificates.get(serial);
    return issued !== undefined && now().getTime() - issued.notBefore.getTime() < repetitionMs;
  }

  return {
    async renew({ organizationId, deviceId, csr }) {
      const key = readCsr(csr);
      await organizations.requireActive(organizationId);
      const device = await store.deviceEnrollment.get(deviceId);
      if (device?.organizationId !== organizationId) throw refuse("device_not_found");
      if (device.status !== "active") throw refuseByStatus(device.status);
      if (key.publicKeyHash === device.publicKeyHash && !(await wasIssuedLately(device))) {
        throw refuse("csr_invalid", {
          message: "A renewal needs a new key.",
          details: { reason: "key_reused" },
        });
      }
      const issued = await certificates.issueAgain({ organizationId, deviceId }, key);
      await audit.record({
        organizationId,
        deviceId,
        kind: "certificate.renewed",
        actor: { kind: "device", id: deviceId, name: device.name },
        message: `The certificate of ${device.name} was renewed.`,
        details: { serial: issued.serial, issuerId: issued.issuerId },
      });
      return {
        certificateChain: issued.chainPem,
        caCertificates: rootCertificates(),
        notAfter: issued.notAfter,
      };
    },
  };
}
