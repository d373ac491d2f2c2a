/**
 * Reads the DER of an X.509 certificate strictly and fast: one pass, no copies, no recursion. Node.js does
 * not expose path lengths, key usage bits, critical flags or key identifiers, and its text form of
 * alternative names is made for people.
 */

export interface CertificateFields {
  /** What the signature covers. */
  readonly signedBytes: Buffer;
  /** Value of the algorithm's OID, hex. */
  readonly signatureOid: string;
  readonly signature: Buffer;
  /** Upper-case hex, as OpenSSL and Node.js print it. */
  readonly serial: string;
  /** Complete encodings, to be compared byte for byte. */
  readonly issuer: Buffer;
  readonly subject: Buffer;
  /** Organisation and common name, where the subject is exactly these two. */
  readonly subjectNames: { readonly organization: string; readonly commonName: string } | undefined;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly publicKeyInfo: Buffer;
  readonly isCa: boolean;
  readonly pathLength: number | undefined;
  /** Bits by the positions of RFC 5280; empty when the extension is absent. */
  readonly keyUsage: ReadonlySet<number>;
  /** OID values, hex; undefined when the extension is absent. */
  readonly extendedKeyUsage: ReadonlySet<string> | undefined;
  readonly altNames: readonly { readonly tag: number; readonly value: string }[];
  readonly subjectKeyId: string | undefined;
  readonly authorityKeyId: string | undefined;
}

export class DerError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "DerError";
  }
}

/** A cursor over the content of one element. */
interface Cursor {
  readonly der: Buffer;
  at: number;
  readonly end: number;
}

interface Element {
  readonly tag: number;
  /** With tag and length. */
  readonly whole: Buffer;
  readonly value: Buffer;
}

const open = (der: Buffer): Cursor => ({ der, at: 0, end: der.length });

function next(cursor: Cursor, tag?: number): Element {
  const { der, at, end } = cursor;
  if (at + 2 > end) throw new DerError("An element is missing.");
  const found = der.readUInt8(at);
  const first = der.readUInt8(at + 1);
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  const start = at + 2 + lengthBytes;
  if (first === 0x80 || lengthBytes > 3 || start > end || (found & 0x1f) === 0x1f)
    throw new DerError("A header is invalid.");
  const length = lengthBytes === 0 ? first : der.readUIntBE(at + 2, lengthBytes);
  if (lengthBytes > 0 && length < (lengthBytes === 1 ? 0x80 : 1 << (8 * (lengthBytes - 1))))
    throw new DerError("A length is not minimal.");
  if (start + length > end) throw new DerError("An element is cut off.");
  if (tag !== undefined && found !== tag)
    throw new DerError(`An element has tag ${found} in place of ${tag}.`);
  cursor.at = start + length;
  return { tag: found, whole: der.subarray(at, cursor.at), value: der.subarray(start, cursor.at) };
}

function nextIf(cursor: Cursor, tag: number): Element | undefined {
  return cursor.at < cursor.end && cursor.der.readUInt8(cursor.at) === tag ? next(cursor, tag) : undefined;
}

function finish(cursor: Cursor): void {
  if (cursor.at !== cursor.end) throw new DerError("There are bytes after the last element.");
}

function all(der: Buffer, tag?: number): Element[] {
  const cursor = open(der);
  const elements: Element[] = [];
  while (cursor.at < cursor.end) elements.push(next(cursor, tag));
  return elements;
}

/** The one element of a value. */
function only(der: Buffer, tag: number): Element {
  const cursor = open(der);
  const element = next(cursor, tag);
  finish(cursor);
  return element;
}

const tags = {
  boolean: 1,
  integer: 2,
  bitString: 3,
  octetString: 4,
  oid: 6,
  utf8: 12,
  printable: 19,
  utcTime: 23,
  generalizedTime: 24,
  sequence: 0x30,
  set: 0x31,
} as const;

/** @throws DerError for anything that is not one strict X.509 version 3 certificate */
export function readCertificateFields(der: Buffer): CertificateFields {
  const outer = open(only(der, tags.sequence).value);
  const signed = next(outer, tags.sequence);
  const algorithm = next(outer, tags.sequence);
  const signature = next(outer, tags.bitString).value;
  finish(outer);
  if (signature.length < 2 || signature[0] !== 0) throw new DerError("The signature is not whole octets.");

  const cursor = open(signed.value);
  const version = only(next(cursor, 0xa0).value, tags.integer).value;
  if (version.length !== 1 || version[0] !== 2) throw new DerError("The version is not 3.");
  const serial = readSerial(next(cursor, tags.integer).value);
  if (!next(cursor, tags.sequence).whole.equals(algorithm.whole))
    throw new DerError("The two algorithms differ.");
  const issuer = next(cursor, tags.sequence).whole;
  const validity = open(next(cursor, tags.sequence).value);
  const notBeforeMs = readTime(next(validity));
  const notAfterMs = readTime(next(validity));
  finish(validity);
  const subject = next(cursor, tags.sequence);
  const publicKeyInfo = next(cursor, tags.sequence).whole;
  const extensions = readExtensions(only(next(cursor, 0xa3).value, tags.sequence).value);
  finish(cursor);
  return {
    signedBytes: signed.whole,
    signatureOid: next(open(algorithm.value), tags.oid).value.toString("hex"),
    signature: signature.subarray(1),
    serial,
    issuer,
    subject: subject.whole,
    subjectNames: readSubjectNames(subject.value),
    notBeforeMs,
    notAfterMs,
    publicKeyInfo,
    ...extensions,
  };
}

function readSerial(value: Buffer): string {
  const [first, second] = value;
  const isPadded = first === 0 && second !== undefined && second < 0x80;
  if (
    first === undefined ||
    first >= 0x80 ||
    isPadded ||
    value.length > 20 ||
    (first === 0 && value.length === 1)
  ) {
    throw new DerError("The serial number is not a positive integer of at most 20 bytes.");
  }
  return (first === 0 ? value.subarray(1) : value).toString("hex").toUpperCase();
}

function readTime({ tag, value }: Element): number {
  const text = value.toString("latin1");
  const isUtc = tag === tags.utcTime && /^\d{12}Z$/.test(text);
  const isGeneralized = tag === tags.generalizedTime && /^\d{14}Z$/.test(text);
  if (!isUtc && !isGeneralized) throw new DerError("A time is invalid.");
  const full = isUtc ? `${Number(text.slice(0, 2)) < 50 ? "20" : "19"}${text}` : text;
  const iso = full.replace(/^(....)(..)(..)(..)(..)(..)Z$/, "$1-$2-$3T$4:$5:$6.000Z");
  const ms = Date.parse(iso);
  if (Number.isNaN(ms) || new Date(ms).toISOString() !== iso) throw new DerError("A time is invalid.");
  return ms;
}

const nameOids = { organization: "55040a", commonName: "550403" } as const;

function readSubjectNames(value: Buffer): CertificateFields["subjectNames"] {
  const attributes = all(value, tags.set).map((relative) => {
    const attribute = open(only(relative.value, tags.sequence).value);
    const oid = next(attribute, tags.oid).value.toString("hex");
    const text = next(attribute);
    finish(attribute);
    return {
      oid,
      text: text.tag === tags.utf8 || text.tag === tags.printable ? text.value.toString("utf8") : undefined,
    };
  });
  const [organization, commonName] = attributes;
  if (
    attributes.length !== 2 ||
    organization?.oid !== nameOids.organization ||
    commonName?.oid !== nameOids.commonName
  )
    return undefined;
  if (organization.text === undefined || commonName.text === undefined) return undefined;
  return { organization: organization.text, commonName: commonName.text };
}

type ExtensionFields = Pick<
  CertificateFields,
  "isCa" | "pathLength" | "keyUsage" | "extendedKeyUsage" | "altNames" | "subjectKeyId" | "authorityKeyId"
>;

const extensionOids = {
  subjectKeyId: "551d0e",
  keyUsage: "551d0f",
  altNames: "551d11",
  basicConstraints: "551d13",
  nameConstraints: "551d1e",
  authorityKeyId: "551d23",
  extendedKeyUsage: "551d25",
} as const;
const known: ReadonlySet<string> = new Set(Object.values(extensionOids));

function readExtensions(der: Buffer): ExtensionFields {
  const values = new Map<string, Buffer>();
  for (const entry of all(der, tags.sequence)) {
    const cursor = open(entry.value);
    const oid = next(cursor, tags.oid).value.toString("hex");
    const critical = nextIf(cursor, tags.boolean);
    if (critical && (critical.value.length !== 1 || critical.value[0] !== 0xff))
      throw new DerError("A critical flag is not canonical.");
    const value = next(cursor, tags.octetString).value;
    finish(cursor);
    if (values.has(oid)) throw new DerError("An extension occurs twice.");
    if (critical && !known.has(oid)) throw new DerError("A critical extension is unknown.");
    values.set(oid, value);
  }
  const keyId = values.get(extensionOids.subjectKeyId);
  return {
    ...readBasicConstraints(values.get(extensionOids.basicConstraints)),
    keyUsage: readKeyUsage(values.get(extensionOids.keyUsage)),
    extendedKeyUsage: readExtendedKeyUsage(values.get(extensionOids.extendedKeyUsage)),
    altNames: readAltNames(values.get(extensionOids.altNames)),
    subjectKeyId: keyId && only(keyId, tags.octetString).value.toString("hex"),
    authorityKeyId: readAuthorityKeyId(values.get(extensionOids.authorityKeyId)),
  };
}

function readBasicConstraints(value: Buffer | undefined): Pick<CertificateFields, "isCa" | "pathLength"> {
  if (value === undefined) return { isCa: false, pathLength: undefined };
  const cursor = open(only(value, tags.sequence).value);
  const isCa = nextIf(cursor, tags.boolean);
  const pathLength = nextIf(cursor, tags.integer)?.value;
  finish(cursor);
  if (isCa && (isCa.value.length !== 1 || isCa.value[0] !== 0xff))
    throw new DerError("The basic constraints are not canonical.");
  if (pathLength && (pathLength.length !== 1 || !isCa || pathLength.readUInt8(0) > 0x7f))
    throw new DerError("The path length is invalid.");
  return { isCa: isCa !== undefined, pathLength: pathLength?.readUInt8(0) };
}

function readKeyUsage(value: Buffer | undefined): ReadonlySet<number> {
  if (value === undefined) return new Set();
  const bits = only(value, tags.bitString).value;
  if (bits.length < 2 || bits.length > 3 || bits.readUInt8(0) > 7)
    throw new DerError("The key usage is invalid.");
  const usage = new Set<number>();
  for (let bit = 0; bit < (bits.length - 1) * 8; bit += 1) {
    if (bits.readUInt8(1 + (bit >> 3)) & (0x80 >> (bit & 7))) usage.add(bit);
  }
  return usage;
}

function readExtendedKeyUsage(value: Buffer | undefined): ReadonlySet<string> | undefined {
  return (
    value && new Set(all(only(value, tags.sequence).value, tags.oid).map((oid) => oid.value.toString("hex")))
  );
}

function readAltNames(value: Buffer | undefined): CertificateFields["altNames"] {
  if (value === undefined) return [];
  return all(only(value, tags.sequence).value).map((name) => ({
    tag: name.tag,
    value: name.value.toString("latin1"),
  }));
}

function readAuthorityKeyId(value: Buffer | undefined): string | undefined {
  return value && nextIf(open(only(value, tags.sequence).value), 0x80)?.value.toString("hex");
}
