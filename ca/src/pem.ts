/** PEM (RFC 7468, strict form). Written out here because a hostile text must cost linear time at most. */

export interface PemBlock {
  readonly label: string;
  readonly der: Buffer;
}

export type PemFault = "no_block" | "several_blocks" | "outside_text" | "bad_base64" | "unterminated";

export class PemError extends Error {
  readonly fault: PemFault;

  constructor(fault: PemFault) {
    super(fault);
    this.name = "PemError";
    this.fault = fault;
  }
}

export function encodePem(label: string, der: Uint8Array): string {
  const base64 = Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString("base64");
  const lines = base64.match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

const beginLine = /^-----BEGIN ([A-Z0-9 ]{1,40})-----$/;
const bodyLine = /^[A-Za-z0-9+/]{1,76}={0,2}$/;

/** Canonical base64 only: no stray characters, no set bits under the padding. */
function decodeBody(lines: readonly string[]): Buffer {
  const text = lines.join("");
  const der = Buffer.from(text, "base64");
  if (der.length === 0 || der.toString("base64") !== text) throw new PemError("bad_base64");
  return der;
}

/** Reads all blocks of a text; anything but white space between them is refused. */
export function decodePemBlocks(text: string): PemBlock[] {
  const blocks: PemBlock[] = [];
  let label: string | undefined;
  let body: string[] = [];
  for (const raw of text.split("\n")) {
    const line = raw.trim();
    if (label === undefined) {
      if (line === "") continue;
      label = beginLine.exec(line)?.[1];
      if (label === undefined) throw new PemError(blocks.length === 0 ? "no_block" : "outside_text");
      body = [];
    } else if (line === `-----END ${label}-----`) {
      blocks.push({ label, der: decodeBody(body) });
      label = undefined;
    } else if (bodyLine.test(line)) {
      body.push(line);
    } else {
      throw new PemError(line.startsWith("-----") ? "unterminated" : "bad_base64");
    }
  }
  if (label !== undefined) throw new PemError("unterminated");
  return blocks;
}

/** The one block of a text. */
export function decodePem(text: string): PemBlock {
  const blocks = decodePemBlocks(text);
  const [block] = blocks;
  if (block === undefined) throw new PemError("no_block");
  if (blocks.length > 1) throw new PemError("several_blocks");
  return block;
}
