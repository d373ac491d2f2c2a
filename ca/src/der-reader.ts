import forge from "node-forge";

/** An element of a DER tree; `value` is the content of a primitive element. */
export interface DerElement {
  /** The identifier octet: class, constructed flag and number. */
  readonly tag: number;
  readonly children: readonly DerElement[];
  readonly value: Buffer;
}

/** Deep enough for every certificate and request; a hostile nesting ends here and not on the stack. */
const maxDepth = 16;

/** `fromDer` takes these since 1.3.2; the type declarations know the boolean only. */
type FromDer = (
  bytes: string,
  options: { strict: boolean; parseAllBytes: boolean; decodeBitStrings: boolean; maxDepth: number },
) => forge.asn1.Asn1;

function convert(node: forge.asn1.Asn1): DerElement {
  const tag = node.tagClass | (node.constructed ? 0x20 : 0) | node.type;
  if (Array.isArray(node.value)) return { tag, children: node.value.map(convert), value: Buffer.alloc(0) };
  return { tag, children: [], value: Buffer.from(node.value, "latin1") };
}

/**
 * Parses one DER value. Throws on anything that is not a complete, canonical encoding: what was read is
 * encoded again and has to be the input, which rules out indefinite and padded lengths and trailing bytes.
 * Bounds on the input's size are the caller's.
 */
export function readDer(der: Uint8Array): DerElement {
  const bytes = Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString("latin1");
  const parse = forge.asn1.fromDer as unknown as FromDer;
  const node = parse(bytes, { strict: true, parseAllBytes: true, decodeBitStrings: false, maxDepth });
  if (forge.asn1.toDer(node).getBytes() !== bytes) throw new Error("The encoding is not canonical DER.");
  return convert(node);
}

export function readOid(element: DerElement | undefined): string {
  if (element?.tag !== 0x06 || element.value.length === 0)
    throw new Error("An object identifier was expected.");
  return forge.asn1.derToOid(element.value.toString("latin1"));
}

/** The octets of a BIT STRING with no unused bits, as keys and signatures are. */
export function readBitString(element: DerElement | undefined): Buffer {
  if (element?.tag !== 0x03 || element.value[0] !== 0) throw new Error("A bit string was expected.");
  return element.value.subarray(1);
}

/** Splits a DER SEQUENCE into the raw encodings of its elements; the input must have passed `readDer`. */
export function splitSequence(der: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  let at = headerLength(der, 0);
  while (at < der.length) {
    const end = at + elementLength(der, at);
    parts.push(der.subarray(at, end));
    at = end;
  }
  return parts;
}

function headerLength(der: Buffer, at: number): number {
  const first = der.readUInt8(at + 1);
  return first < 0x80 ? 2 : 2 + (first & 0x7f);
}

function elementLength(der: Buffer, at: number): number {
  const head = headerLength(der, at);
  const length = head === 2 ? der.readUInt8(at + 1) : der.readUIntBE(at + 2, head - 2);
  return head + length;
}
