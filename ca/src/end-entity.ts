import type { KeyObject } from "node:crypto";
import { CaError } from "./ca-error.ts";
import { crlDistributionPoint, subjectAltName } from "./certificate-extensions.ts";
import { profiles, type CertificateProfile } from "./certificate-profile.ts";
import { buildCertificate, chooseValidity, type IssuedCertificate } from "./certificate.ts";
import { parseCsr } from "./csr.ts";
import type { Issuer } from "./issuer.ts";
import { deviceUri, encodeIpAddress, generalName, requireDnsName, type DistinguishedName } from "./names.ts";
import { checkKeyObject } from "./public-key.policy.ts";

/** Exactly one of: a request (PEM or DER) whose proof of possession is checked, or a key that is known. */
export type SubjectKey = { csr: string | Uint8Array } | { publicKey: KeyObject };

interface IssueOptions {
  issuer: Issuer;
  validityMs?: number | undefined;
  /** An HTTP(S) URL; absent = no CRL distribution point. */
  crlUrl?: string | undefined;
  now?: Date;
}

export type DeviceCertificateOptions = IssueOptions &
  SubjectKey & { organizationId: string; deviceId: string };

/** One device certificate. The issuer has to be an intermediate of the same organisation. */
export function issueDeviceCertificate(options: DeviceCertificateOptions): IssuedCertificate {
  const { issuer, organizationId, deviceId } = options;
  const uri = deviceUri(organizationId, deviceId);
  if (issuer.organizationId !== organizationId) {
    throw new CaError(
      "issuer_wrong_organisation",
      "The issuing intermediate belongs to another organisation.",
    );
  }
  const subject = { organization: organizationId, commonName: deviceId };
  return issueEndEntity({ ...options, profile: profiles.device, subject, altNames: [generalName.uri(uri)] });
}

export type ServerCertificateOptions = IssueOptions &
  SubjectKey & { dnsNames: readonly string[]; ipAddresses?: readonly string[] };

const maxServerNames = 100;

/** One server certificate for 1 to 100 DNS names and IPv4 or IPv6 addresses. */
export function issueServerCertificate(options: ServerCertificateOptions): IssuedCertificate {
  const dnsNames = options.dnsNames.map(requireDnsName);
  const ipAddresses = [...(options.ipAddresses ?? [])];
  const names = [...dnsNames, ...ipAddresses];
  if (names.length === 0 || names.length > maxServerNames) {
    throw new CaError(
      "name_invalid",
      `A server certificate needs 1 to ${maxServerNames} DNS names or IP addresses.`,
    );
  }
  if (options.issuer.organizationId !== undefined) {
    throw new CaError(
      "issuer_wrong_organisation",
      "An organisation's intermediate issues no server certificates.",
    );
  }
  const altNames = [
    ...dnsNames.map(generalName.dns),
    ...ipAddresses.map((address) => generalName.ip(encodeIpAddress(address))),
  ];
  // A common name holds 64 characters; verifiers look at the alternative names only.
  const commonName = names.find((name) => name.length <= 64);
  return issueEndEntity({
    ...options,
    profile: profiles.server,
    subject: commonName === undefined ? {} : { commonName },
    altNames,
  });
}

export type PeerCertificateOptions = IssueOptions & SubjectKey & { dnsName: string };

/** One certificate for either end of a connection between the platform's own processes. */
export function issuePeerCertificate(options: PeerCertificateOptions): IssuedCertificate {
  const dnsName = requireDnsName(options.dnsName);
  if (options.issuer.organizationId !== undefined) {
    throw new CaError("issuer_wrong_organisation", "An organisation's intermediate issues to devices only.");
  }
  const subject = { commonName: dnsName };
  return issueEndEntity({
    ...options,
    profile: profiles.peer,
    subject,
    altNames: [generalName.dns(dnsName)],
  });
}

type EndEntityOptions = IssueOptions &
  SubjectKey & { profile: CertificateProfile; subject: DistinguishedName; altNames: readonly Buffer[] };

function issueEndEntity(options: EndEntityOptions): IssuedCertificate {
  const { profile, subject, altNames, issuer, validityMs, crlUrl, now = new Date() } = options;
  const key = "csr" in options ? parseCsr(options.csr) : checkKeyObject(options.publicKey);
  const extensions = [subjectAltName(altNames, { critical: subject.commonName === undefined })];
  if (crlUrl !== undefined) extensions.push(crlDistributionPoint(crlUrl));
  return buildCertificate({
    profile,
    subject,
    subjectPublicKeyInfo: key.subjectPublicKeyInfo,
    validity: chooseValidity({ profile, now, validityMs, issuer }),
    extensions,
    issuer,
  });
}
