import { CaError } from "./ca-error.ts";
import { keyIdentifierOf, organizationNameConstraints, subjectAltName } from "./certificate-extensions.ts";
import { profiles, type CertificateProfile } from "./certificate-profile.ts";
import { buildCertificate, chooseValidity } from "./certificate.ts";
import { readBitString, readDer } from "./der-reader.ts";
import { createIssuer, type Issuer } from "./issuer.ts";
import { generateKeyPair, type Curve } from "./key-pair.ts";
import { generalName, organizationUri, requireCaName } from "./names.ts";
import { checkKeyObject } from "./public-key.policy.ts";

interface CaOptions {
  /** For people; 1 to 48 characters. The CA's common name is this and the first digits of its key id. */
  name: string;
  validityMs?: number | undefined;
  curve?: Curve;
  now?: Date;
}

/** A new self-signed root with a new key; 20 years. */
export function createRootCa(options: CaOptions): Issuer {
  return createCa({ ...options, profile: profiles.root });
}

export interface IntermediateCaOptions extends CaOptions {
  root: Issuer;
  organizationId: string;
}

/** The CA of one organisation's devices: 5 years, no CA below it, bound to the organisation's names. */
export function createIntermediateCa({ organizationId, ...options }: IntermediateCaOptions): Issuer {
  const extensions = [
    subjectAltName([generalName.uri(organizationUri(organizationId))]),
    organizationNameConstraints(organizationId),
  ];
  return createCa({ ...options, organization: organizationId, profile: profiles.organizationCa, extensions });
}

/** The CA of the platform's own endpoints: 5 years, server certificates only. */
export function createServerCa(options: CaOptions & { root: Issuer }): Issuer {
  return createCa({ ...options, profile: profiles.serverCa });
}

interface CreateCaOptions extends CaOptions {
  profile: CertificateProfile;
  root?: Issuer;
  organization?: string;
  extensions?: readonly Buffer[];
}

function createCa({
  profile,
  name,
  root,
  organization,
  extensions,
  validityMs,
  curve,
  now = new Date(),
}: CreateCaOptions): Issuer {
  if (root?.pathLength === 0)
    throw new CaError("issuer_path_length", "The root's path length leaves no room for a CA below it.");
  const { privateKey, publicKey } = generateKeyPair(curve);
  const { subjectPublicKeyInfo } = checkKeyObject(publicKey);
  const keyId = keyIdentifierOf(readBitString(readDer(subjectPublicKeyInfo).children[1])).toString("hex");
  // Two CAs with one name but different keys confuse path building and CRL lookup.
  const commonName = `${requireCaName(name)} ${keyId.slice(0, 8)}`;
  const certificate = buildCertificate({
    profile,
    subject: organization === undefined ? { commonName } : { organization, commonName },
    subjectPublicKeyInfo,
    validity: chooseValidity({ profile, now, validityMs, ...(root && { issuer: root }) }),
    ...(extensions && { extensions }),
    ...(root ? { issuer: root } : { selfKey: privateKey }),
  });
  return createIssuer(certificate.certificatePem, privateKey);
}
