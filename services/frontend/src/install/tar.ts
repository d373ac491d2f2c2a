export interface TarFile {
  /** Relative, at most 100 bytes: what a ustar header holds without a prefix. */
  path: string;
  content: Buffer;
}

const blockBytes = 512;

/** POSIX ustar. The same files give the same bytes: owner, mode and time are fixed. */
export function packTar(files: readonly TarFile[]): Buffer {
  const blocks = files.flatMap(({ path, content }) => [
    header(path, content.byteLength),
    content,
    Buffer.alloc((blockBytes - (content.byteLength % blockBytes)) % blockBytes),
  ]);
  return Buffer.concat([...blocks, Buffer.alloc(2 * blockBytes)]);
}

function header(path: string, sizeBytes: number): Buffer {
  const block = Buffer.alloc(blockBytes);
  if (Buffer.byteLength(path) > 100) throw new Error(`${path} is too long for a tar header`);
  const octal = (value: number, width: number): string => `${value.toString(8).padStart(width - 1, "0")}\0`;
  block.write(path, 0);
  block.write(octal(0o644, 8), 100);
  block.write(octal(0, 8), 108);
  block.write(octal(0, 8), 116);
  block.write(octal(sizeBytes, 12), 124);
  block.write(octal(0, 12), 136);
  block.write(" ".repeat(8), 148);
  block.write("0", 156);
  block.write("ustar\0" + "00", 257);
  // The sum is taken with the field for it full of blanks.
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}
