/** Buffers for `onread` sockets: cut from slabs, so that a busy reader allocates once for many reads. */
export interface ReadPool {
  take(bytes: number): Buffer;
}

const slabBytes = 262_144;

export function createReadPool(): ReadPool {
  let slab = Buffer.alloc(0);
  return {
    take(bytes) {
      if (slab.length < bytes) slab = Buffer.allocUnsafeSlow(slabBytes);
      const taken = slab.subarray(0, bytes);
      slab = slab.subarray(bytes);
      return taken;
    },
  };
}

const idleBytes = 8_192;
const busyBytes = 65_536;

/**
 * Reading of one socket: a small buffer while little comes, since ten hundred idle ones each hold one; a large one once
 * it was filled. What a read leaves of its buffer serves the next.
 */
export function createReader(pool: ReadPool): { next(): Buffer; filled(bytes: number): Buffer } {
  let buffer = pool.take(idleBytes);
  let offset = 0;
  let sizeBytes = idleBytes;
  return {
    next() {
      if (buffer.length - offset >= Math.min(sizeBytes, idleBytes)) return buffer.subarray(offset);
      buffer = pool.take(sizeBytes);
      offset = 0;
      return buffer;
    },
    filled(bytes) {
      const isFull = offset + bytes === buffer.length;
      const read = buffer.subarray(offset, offset + bytes);
      offset += bytes;
      sizeBytes = isFull ? busyBytes : bytes < idleBytes / 2 ? idleBytes : sizeBytes;
      return read;
    },
  };
}
