import { crc32, deflateSync, inflateSync } from "node:zlib";

/*
 * Makes a screenshot small: at most 256 colours, written as a palette. Pages are flat areas and anti-aliased text, so
 * that nobody sees the difference.
 */

const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const maxColors = 256;
/** Squared distance under which two colours are one at first. */
const closeness = 12;

interface Image {
  width: number;
  height: number;
  /** 0xRRGGBB of each pixel. */
  pixels: Uint32Array;
}

function readChunks(png: Buffer): { type: string; data: Buffer }[] {
  const chunks: { type: string; data: Buffer }[] = [];
  for (let at = signature.length; at < png.length;) {
    const length = png.readUInt32BE(at);
    chunks.push({
      type: png.toString("latin1", at + 4, at + 8),
      data: png.subarray(at + 8, at + 8 + length),
    });
    at += length + 12;
  }
  return chunks;
}

function paeth(left: number, up: number, corner: number): number {
  const estimate = left + up - corner;
  const [a, b, c] = [Math.abs(estimate - left), Math.abs(estimate - up), Math.abs(estimate - corner)];
  if (a <= b && a <= c) return left;
  return b <= c ? up : corner;
}

function undoFilter(row: Buffer, before: Buffer, filter: number, bytes: number): void {
  for (let at = 0; at < row.length; at += 1) {
    const left = at < bytes ? 0 : (row[at - bytes] ?? 0);
    const up = before[at] ?? 0;
    const corner = at < bytes ? 0 : (before[at - bytes] ?? 0);
    const guesses = [0, left, up, (left + up) >> 1, filter === 4 ? paeth(left, up, corner) : 0];
    row[at] = (row[at] ?? 0) + (guesses[filter] ?? 0);
  }
}

/** Reads what a browser writes: eight bits a channel, RGB or RGBA, not interlaced. */
function decode(png: Buffer): Image {
  const chunks = readChunks(png);
  const header = chunks.find(({ type }) => type === "IHDR")?.data;
  if (header === undefined || header[8] !== 8 || ![2, 6].includes(header[9] ?? 0) || header[12] !== 0)
    throw new Error("This is no screenshot of a browser.");
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  const bytes = header[9] === 6 ? 4 : 3;
  const data = inflateSync(
    Buffer.concat(chunks.filter(({ type }) => type === "IDAT").map((chunk) => chunk.data)),
  );
  const pixels = new Uint32Array(width * height);
  let before: Buffer = Buffer.alloc(width * bytes);
  for (let y = 0; y < height; y += 1) {
    const start = y * (width * bytes + 1);
    const row = data.subarray(start + 1, start + 1 + width * bytes);
    undoFilter(row, before, data[start] ?? 0, bytes);
    for (let x = 0; x < width; x += 1) pixels[y * width + x] = row.readUIntBE(x * bytes, 3);
    before = row;
  }
  return { width, height, pixels };
}

function distance(one: number, other: number): number {
  const red = (one >> 16) - (other >> 16);
  const green = ((one >> 8) & 255) - ((other >> 8) & 255);
  const blue = (one & 255) - (other & 255);
  return red * red + green * green + blue * blue;
}

/** The colours that most of the picture is made of. */
function choosePalette(pixels: Uint32Array): { palette: number[]; indexOf: Map<number, number> } {
  const counts = new Map<number, number>();
  for (const color of pixels) counts.set(color, (counts.get(color) ?? 0) + 1);
  const byCount = [...counts].sort((one, other) => other[1] - one[1]).map(([color]) => color);
  const palette: number[] = [];
  for (const color of byCount) {
    if (palette.length === maxColors) break;
    if (byCount.length <= maxColors || palette.every((known) => distance(known, color) > closeness))
      palette.push(color);
  }
  const indexOf = new Map<number, number>();
  for (const color of byCount) {
    let [best, bestDistance] = [0, Infinity];
    for (const [index, known] of palette.entries()) {
      const found = distance(known, color);
      if (found < bestDistance) [best, bestDistance] = [index, found];
    }
    indexOf.set(color, best);
  }
  return { palette, indexOf };
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}

/** The same picture with a palette. */
export function shrinkPng(png: Buffer): Buffer {
  const { width, height, pixels } = decode(png);
  const { palette, indexOf } = choosePalette(pixels);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 3, 0, 0, 0], 8);
  const colors = Buffer.alloc(palette.length * 3);
  for (const [index, color] of palette.entries()) colors.writeUIntBE(color, index * 3, 3);
  const rows = Buffer.alloc(height * (width + 1));
  for (const [index, color] of pixels.entries()) {
    const y = Math.floor(index / width);
    rows[y * (width + 1) + 1 + (index % width)] = indexOf.get(color) ?? 0;
  }
  return Buffer.concat([
    signature,
    chunk("IHDR", header),
    chunk("PLTE", colors),
    chunk("IDAT", deflateSync(rows, { level: 9 })),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}
