/** For tests: a platform's PKI, and what somebody with a stolen key could sign. */
import { X509Certificate } from "node:crypto";
import {
  createIntermediateCa,
  createRootCa,
  createServerCa,
  generateKeyPair,
  issueDeviceCertificate,
  type Issuer,
} from "../../../ca/src/index.ts";
import { profiles, type CertificateProfile } from "../../../ca/src/certificate-profile.ts";
import { buildCertificate, chooseValidity } from "../../../ca/src/certificate.ts";
import { subjectAltName } from "../../../ca/src/certificate-extensions.ts";
import { generalName } from "../../../ca/src/names.ts";
import { testIds } from "../../../ca/src/openssl.fixture.ts";
import { verifyDeviceChain, type DeviceCertificateErrorCode } from "./device-certificate.ts";

export const { organization, otherOrganization, device, otherDevice } = testIds;
export const refusal = (code: DeviceCertificateErrorCode) => ({ name: "AppError", status: 401, code });

export const dayMs = 86_400_000;
export const root = createRootCa({ name: "Root" });
export const intermediate = createIntermediateCa({ root, organizationId: organization, name: "Devices" });
export const otherIntermediate = createIntermediateCa({
  root,
  organizationId: otherOrganization,
  name: "Devices",
});
export const serverCa = createServerCa({ root, name: "Servers" });
export const { publicKey } = generateKeyPair();
export const subjectPublicKeyInfo = publicKey.export({ type: "spki", format: "der" });
export const uri = (organizationId: string, deviceId: string) =>
  `rciots://org/${organizationId}/device/${deviceId}`;

export const leaf = issueDeviceCertificate({
  issuer: intermediate,
  organizationId: organization,
  deviceId: device,
  publicKey,
});

export interface Forgery {
  issuer?: Issuer;
  profile?: CertificateProfile;
  organization?: string;
  commonName?: string;
  names?: Buffer[];
}

/** What a holder of an intermediate's key could sign, past every check of the CA. */
export function forge({
  issuer = intermediate,
  profile = profiles.device,
  organization: o = organization,
  commonName = device,
  names = [generalName.uri(uri(o, commonName))],
}: Forgery): Buffer {
  return buildCertificate({
    profile,
    subject: { organization: o, commonName },
    subjectPublicKeyInfo,
    validity: chooseValidity({
      profile: { ...profile, maxLifetimeMs: Infinity },
      validityMs: dayMs,
      now: new Date(),
      issuer,
    }),
    extensions: names.length === 0 ? [] : [subjectAltName(names)],
    issuer,
  }).der;
}

export const verify = (
  der: Uint8Array | string,
  intermediates: readonly (Uint8Array | string)[] = [intermediate.der],
  now = new Date(),
) => verifyDeviceChain({ leaf: der, intermediates, root: root.der, now });

/** A leaf in the place of a CA, as its holder might try. */
export function leafAsIssuer(der: Buffer, privateKey: Issuer["privateKey"]): Issuer {
  const text = new X509Certificate(der);
  const keyId = subjectKeyIdOf(der);
  return {
    ...intermediate,
    der,
    pem: text.toString(),
    subjectDer: subjectOf(der),
    subjectKeyId: keyId,
    privateKey,
  };
}

/** The subject follows the two times of the validity, whose SEQUENCE has 30 content bytes. */
function subjectOf(der: Buffer): Buffer {
  const start = der.indexOf(Buffer.from("301e170d", "hex")) + 32;
  return der.subarray(start, start + 2 + der.readUInt8(start + 1));
}

function subjectKeyIdOf(der: Buffer): Buffer {
  const at = der.indexOf(Buffer.from("0603551d0e04160414", "hex")) + 9;
  return der.subarray(at, at + 20);
}
