/** Bytes processed at a time: eight tables are five times as fast as one. */
const STRIDE = 8;

/** Node's own, four times as fast; since 20.15 and 22.2. */
const native = globalThis.process?.getBuiltinModule?.('node:zlib')?.crc32;

/**
 * The CRC-32 that zip uses (polynomial 0xEDB88320).
 *
 * @param before the CRC-32 of the bytes before these.
 */
export function crc32(bytes: Uint8Array, before = 0): number {
  return native ? native(bytes, before) : crc32ByTables(bytes, before);
}

/** The same without Node. */
export function crc32ByTables(bytes: Uint8Array, before: number): number {
  const t = crcTables();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let crc = ~before;
  let i = 0;
  for (; i + STRIDE <= bytes.length; i += STRIDE) {
    const a = crc ^ view.getInt32(i, true);
    const b = view.getInt32(i + 4, true);
    crc =
      t[0x700 | (a & 0xff)]! ^
      t[0x600 | ((a >>> 8) & 0xff)]! ^
      t[0x500 | ((a >>> 16) & 0xff)]! ^
      t[0x400 | (a >>> 24)]! ^
      t[0x300 | (b & 0xff)]! ^
      t[0x200 | ((b >>> 8) & 0xff)]! ^
      t[0x100 | ((b >>> 16) & 0xff)]! ^
      t[b >>> 24]!;
  }
  for (; i < bytes.length; i++) crc = (crc >>> 8) ^ t[(crc ^ bytes[i]!) & 0xff]!;
  return ~crc >>> 0;
}

let tables: Int32Array | undefined;

function crcTables(): Int32Array {
  if (tables) return tables;
  tables = new Int32Array(256 * STRIDE);
  for (let i = 0; i < 256; i++) {
    let crc = i;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
    tables[i] = crc;
  }
  for (let i = 256; i < tables.length; i++) {
    const before = tables[i - 256]!;
    tables[i] = (before >>> 8) ^ tables[before & 0xff]!;
  }
  return tables;
}
