import type { KeyObject } from "node:crypto";
import { createBatcher } from "@rciots/runtime";
import type { Certificate, Device, IssuedToDevice, Store } from "@rciots/store";
import type { CertificateAuthority, IssuedCertificate } from "../authority/certificate-authority.ts";
import { refuseByStatus } from "./device-access.ts";
import type { DeviceKey } from "./device-key.ts";

export interface DeviceIdentifier {
  organizationId: string;
  deviceId: string;
}

export interface DeviceCertificates {
  /** Makes a certificate; it counts only once it is recorded. */
  issue(device: DeviceIdentifier, publicKey: KeyObject): Promise<IssuedCertificate>;
  record(device: DeviceIdentifier, issued: IssuedCertificate): Promise<void>;
  /**
   * Makes a certificate for an active device, records it and notes it on the device. Throws the refusal of the
   * device's status where an operator was faster.
   */
  issueAgain(device: DeviceIdentifier, key: DeviceKey): Promise<IssuedCertificate>;
}

/** How the device's document notes its certificate. */
export const noteOf = ({
  serial,
  issuerId,
  notAfter,
}: IssuedCertificate): NonNullable<Device["certificate"]> => ({
  serial,
  issuerId,
  notAfter,
});

/** Device certificates and their records; many at once share their writes. */
export function createDeviceCertificates(options: {
  store: Store;
  authority: CertificateAuthority;
}): DeviceCertificates {
  const { store, authority } = options;
  const records = createBatcher<Certificate, undefined>({
    maxSize: 200,
    async run(issued) {
      await store.certificates.insertMany(issued);
      return issued.map(() => undefined);
    },
  });
  const notes = createBatcher<IssuedToDevice, boolean>({
    maxSize: 200,
    run: (issued) => store.deviceEnrollment.noteCertificates(issued),
  });

  async function record(device: DeviceIdentifier, issued: IssuedCertificate): Promise<void> {
    const { serial, issuerId, notBefore, notAfter } = issued;
    const times = { notBefore, notAfter, revokedAt: null, reason: null };
    await records.add({ _id: serial, ...device, issuerId, ...times });
  }

  return {
    issue: (device, publicKey) => authority.issueDevice({ ...device, publicKey }),
    record,
    async issueAgain(device, { publicKey, publicKeyHash }) {
      const issued = await authority.issueDevice({ ...device, publicKey });
      await record(device, issued);
      if (await notes.add({ ...device, certificate: noteOf(issued), publicKeyHash })) return issued;
      await store.certificates.revoke(issued.serial, "superseded");
      throw refuseByStatus((await store.deviceEnrollment.get(device.deviceId))?.status);
    },
  };
}
