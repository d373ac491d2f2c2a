import { isIP } from "node:net";
import { CaError } from "./ca-error.ts";
import { constructed, primitive, sequence, setOfOne, utf8String } from "./der-writer.ts";
import { oids } from "./object-identifiers.ts";

/** Of organisations and devices: a prefix and 26 characters of Crockford's base 32. */
const idPattern = /^[a-z]{2,8}_[0-9A-HJKMNP-TV-Z]{26}$/;

/** X.520 upper bound of a common name, less the key suffix that CA names get. */
const maxCaNameLength = 48;

export function requireId(what: string, id: string): string {
  if (idPattern.test(id)) return id;
  throw new CaError("name_invalid", `The ${what} id is not valid.`);
}

/** The name an organisation's intermediate carries. */
export const organizationUri = (organizationId: string): string =>
  `rciots://org/${requireId("organisation", organizationId)}`;

/** The organisation such a name speaks of; undefined for any other text. */
export function parseOrganizationUri(uri: string): string | undefined {
  const [, organizationId = ""] = /^rciots:\/\/org\/([^/]+)$/.exec(uri) ?? [];
  return idPattern.test(organizationId) ? organizationId : undefined;
}

/** The name a device certificate carries. */
export const deviceUri = (organizationId: string, deviceId: string): string =>
  `${organizationUri(organizationId)}/device/${requireId("device", deviceId)}`;

export interface DistinguishedName {
  readonly organization?: string;
  /** Absent only where the alternative names say everything. */
  readonly commonName?: string;
}

/** Organisation first, so that the directory-name constraint of an intermediate covers its devices. */
export function encodeName({ organization, commonName }: DistinguishedName): Buffer {
  const relativeNames = [];
  if (organization !== undefined) relativeNames.push(relativeName(oids.organizationName, organization));
  if (commonName !== undefined) relativeNames.push(relativeName(oids.commonName, commonName));
  return sequence(...relativeNames);
}

/** The name space of an organisation's devices: every name that begins with O=<organisation>. */
export const encodeOrganizationSubtree = (organization: string): Buffer =>
  sequence(relativeName(oids.organizationName, organization));

function relativeName(oid: Buffer, text: string): Buffer {
  return setOfOne(sequence(oid, utf8String(text)));
}

/** A name for people in a CA certificate: printable, 1 to 48 characters. */
export function requireCaName(name: string): string {
  if (
    name.length > 0 &&
    name.length <= maxCaNameLength &&
    name === name.trim() &&
    !/[\p{Cc}\p{Cf}\p{Cs}]/u.test(name)
  )
    return name;
  throw new CaError("name_invalid", `A CA's name has 1 to ${maxCaNameLength} printable characters.`);
}

const dnsLabel = /^(?!-)[a-z0-9-]{1,63}(?<!-)$/;

/** A lower-case DNS name, perhaps with a wildcard as its whole first label. */
export function requireDnsName(name: string): string {
  const lower = name.toLowerCase();
  const labels = lower.split(".");
  const rest = labels[0] === "*" && labels.length > 2 ? labels.slice(1) : labels;
  const isNumeric = /^\d+$/.test(labels.at(-1) ?? "");
  if (lower.length <= 253 && !isNumeric && rest.every((label) => dnsLabel.test(label))) return lower;
  throw new CaError("name_invalid", "A DNS name of the server certificate is not valid.");
}

/** 4 or 16 bytes in network order. */
export function encodeIpAddress(address: string): Buffer {
  const family = isIP(address);
  if (family === 4) return Buffer.from(address.split(".").map(Number));
  if (family !== 6 || address.includes("%"))
    throw new CaError("name_invalid", "An IP address of the server certificate is not valid.");
  // The URL parser writes every IPv6 form, also an embedded IPv4 address, as hexadecimal groups.
  const [head = "", tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split("::");
  const groupsOf = (text: string): number[] =>
    text === "" ? [] : text.split(":").map((group) => parseInt(group, 16));
  const left = groupsOf(head);
  const right = groupsOf(tail ?? "");
  const groups = [...left, ...Array<number>(8 - left.length - right.length).fill(0), ...right];
  return Buffer.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}

/** GeneralName choices (RFC 5280, 4.2.1.6). */
export const generalName = {
  dns: (name: string): Buffer => primitive(2, Buffer.from(name, "latin1")),
  directory: (name: Uint8Array): Buffer => constructed(4, name),
  uri: (uri: string): Buffer => primitive(6, Buffer.from(uri, "latin1")),
  ip: (bytes: Uint8Array): Buffer => primitive(7, bytes),
} as const;
