import { createCipheriv, createDecipheriv, randomBytes, scrypt } from "node:crypto";
import { createReadStream } from "node:fs";
import { Transform } from "node:stream";

/*
 * A file that only its passphrase opens: one line of JSON that says how, then pieces of 64 KiB, each sealed with
 * AES-256-GCM under a key of this file alone. A piece's number and whether it is the last one are its nonce, and the
 * first line is authenticated with each: pieces can't be changed, exchanged, left out or cut off unnoticed.
 */

const magic = "rciots-backup";
const version = 1;
const pieceBytes = 65_536;
const tagBytes = 16;
const maxHeaderBytes = 1_024;
/** 2^17: a third of a second and 128 MiB for each guess. */
const defaultLogN = 17;
const maxLogN = 20;

interface Header {
  format: string;
  version: number;
  kdf: "scrypt";
  logN: number;
  salt: string;
}

export class SealedFileError extends Error {}

const damaged = (): SealedFileError =>
  new SealedFileError("The passphrase is another one, or the file is damaged or cut short.");

function keyOf(passphrase: string, { salt, logN }: Header): Promise<Buffer> {
  const parameters = { N: 2 ** logN, r: 8, p: 1, maxmem: 2 ** (logN + 11) };
  return new Promise((resolve, reject) => {
    scrypt(passphrase.normalize("NFKC"), Buffer.from(salt, "base64"), 32, parameters, (error, key) =>
      error === null ? resolve(key) : reject(error),
    );
  });
}

/** The key is of one file, so that counting is enough. */
function nonceOf(piece: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32BE(piece, 7);
  nonce[11] = isLast ? 1 : 0;
  return nonce;
}

/** Resolves with what plain bytes are written to and sealed ones come out of. */
export async function createSealer(passphrase: string, { logN = defaultLogN } = {}): Promise<Transform> {
  const header: Header = {
    format: magic,
    version,
    kdf: "scrypt",
    logN,
    salt: randomBytes(32).toString("base64"),
  };
  const key = await keyOf(passphrase, header);
  const head = Buffer.from(`${JSON.stringify(header)}\n`);
  let waiting: Buffer[] = [head.subarray(0, 0)];
  let waitingBytes = 0;
  let piece = 0;

  function seal(bytes: Buffer, isLast: boolean): Buffer {
    const cipher = createCipheriv("aes-256-gcm", key, nonceOf(piece, isLast));
    cipher.setAAD(head);
    piece += 1;
    return Buffer.concat([cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
  }

  const sealer = new Transform({
    transform(chunk: Buffer, _encoding, callback) {
      waiting.push(chunk);
      waitingBytes += chunk.length;
      // The last piece is known at the end only: one whole piece is always kept.
      if (waitingBytes <= pieceBytes) return callback();
      let bytes = Buffer.concat(waiting);
      for (; bytes.length > pieceBytes; bytes = bytes.subarray(pieceBytes))
        sealer.push(seal(bytes.subarray(0, pieceBytes), false));
      waiting = [bytes];
      waitingBytes = bytes.length;
      callback();
    },
    flush(callback) {
      callback(null, seal(Buffer.concat(waiting), true));
    },
  });
  sealer.push(head);
  return sealer;
}

function readHeader(bytes: Buffer): { header: Header; head: Buffer } {
  const end = bytes.subarray(0, maxHeaderBytes).indexOf(0x0a);
  const head = bytes.subarray(0, end + 1);
  let header: Header | undefined;
  try {
    header = JSON.parse(head.toString("utf8")) as Header;
  } catch {
    // Told below.
  }
  if (end < 0 || header?.format !== magic) throw new SealedFileError("This is no backup of RCIoTS.");
  const isKnown = header.version === version && header.kdf === "scrypt";
  if (!isKnown || !Number.isInteger(header.logN) || header.logN < 10 || header.logN > maxLogN)
    throw new SealedFileError("The backup was made by another version of RCIoTS.");
  return { header, head };
}

/** The plain bytes of a sealed file. Throws `SealedFileError` before anything that is not whole is handed out. */
export async function* openSealed(path: string, passphrase: string): AsyncGenerator<Buffer> {
  const sealedBytes = pieceBytes + tagBytes;
  let opened: { key: Buffer; head: Buffer } | undefined;
  let bytes = Buffer.alloc(0);
  let piece = 0;

  function open({ key, head }: { key: Buffer; head: Buffer }, sealed: Buffer, isLast: boolean): Buffer {
    if (sealed.length < tagBytes) throw damaged();
    const decipher = createDecipheriv("aes-256-gcm", key, nonceOf(piece, isLast));
    decipher.setAAD(head);
    decipher.setAuthTag(sealed.subarray(-tagBytes));
    piece += 1;
    try {
      return Buffer.concat([decipher.update(sealed.subarray(0, -tagBytes)), decipher.final()]);
    } catch {
      throw damaged();
    }
  }

  for await (const chunk of createReadStream(path, { highWaterMark: 4 * sealedBytes })) {
    bytes = Buffer.concat([bytes, chunk as Buffer]);
    if (opened === undefined) {
      const { header, head } = readHeader(bytes);
      opened = { head, key: await keyOf(passphrase, header) };
      bytes = bytes.subarray(head.length);
    }
    for (; bytes.length > sealedBytes; bytes = bytes.subarray(sealedBytes))
      yield open(opened, bytes.subarray(0, sealedBytes), false);
  }
  if (opened === undefined) throw new SealedFileError("This is no backup of RCIoTS.");
  yield open(opened, bytes, true);
}
