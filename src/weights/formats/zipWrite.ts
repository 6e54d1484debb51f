import { type Content, concatenated, contentOf } from './content.js';

/** A file to be put into an archive. */
interface NewEntry {
  name: string;
  content: Content;
}

/** Where the bytes of every file begin: at a multiple of this, as torch.save has it, so that they can be mapped. */
const ALIGNMENT = 64;

/** Archives beyond 4 GiB need another kind of directory, which no VGG does. */
const MOST_BYTES = 2 ** 32 - 1;

/**
 * A zip archive whose files are stored as they are (PKWARE's APPNOTE.TXT 4.3). All of them are dated 1980-01-01, so that
 * the same content gives the same bytes.
 *
 * @throws RangeError when it would have 4 GiB or more.
 */
export function zipOf(entries: readonly NewEntry[]): Content {
  const files: (NewEntry & { name: string; encoded: Uint8Array; offset: number; header: number })[] = [];
  let at = 0;
  for (const { name, content } of entries) {
    const encoded = new TextEncoder().encode(name);
    // The rest of the header is an extra field of zeros, which has four bytes at least.
    const least = at + 30 + encoded.length + 4;
    const header = Math.ceil(least / ALIGNMENT) * ALIGNMENT - at;
    files.push({ name, content, encoded, offset: at, header });
    at += header + content.size;
  }
  const directory = files.reduce((sum, { encoded }) => sum + 46 + encoded.length, 0);
  if (at + directory + 22 > MOST_BYTES) {
    throw new RangeError(
      `saveWeights: the archive would have ${at + directory} bytes, and zip archives have at most 4 GiB; save it as safetensors.`,
    );
  }
  const sums: number[] = [];
  const stored = files.map(
    ({ encoded, header, content }): Content => ({
      size: header + content.size,
      async write(into) {
        const data = into.subarray(header);
        await content.write(data);
        const sum = crc32(data);
        sums.push(sum);
        const view = viewOf(into);
        view.setUint32(0, 0x04034b50, true);
        describe(view, 4, { encoded, size: content.size, sum, extra: header - 30 - encoded.length });
        into.set(encoded, 30);
        view.setUint16(30 + encoded.length, PADDING, true);
        view.setUint16(32 + encoded.length, header - 34 - encoded.length, true);
      },
    }),
  );
  const listed = files.map(
    ({ encoded, offset, content }, i): Content => ({
      size: 46 + encoded.length,
      async write(into) {
        const view = viewOf(into);
        view.setUint32(0, 0x02014b50, true);
        view.setUint16(4, VERSION, true);
        describe(view, 6, { encoded, size: content.size, sum: sums[i]!, extra: 0 });
        view.setUint32(42, offset, true);
        into.set(encoded, 46);
      },
    }),
  );
  return concatenated([...stored, ...listed, contentOf(endOf(files.length, at, directory))]);
}

/** The version of the format that a reader must know: 2.0. */
const VERSION = 20;

/** The extra field's own id, `FB` as in PyTorch's archives. */
const PADDING = 0x4246;

/** What a file's header and its line of the directory both say of it. */
function describe(
  view: DataView,
  at: number,
  file: { encoded: Uint8Array; size: number; sum: number; extra: number },
): void {
  view.setUint16(at, VERSION, true);
  // Names are UTF-8, nothing is compressed, and the date is the first that there is.
  view.setUint16(at + 2, 0x0800, true);
  view.setUint16(at + 8, 0x0021, true);
  view.setUint32(at + 10, file.sum, true);
  view.setUint32(at + 14, file.size, true);
  view.setUint32(at + 18, file.size, true);
  view.setUint16(at + 22, file.encoded.length, true);
  view.setUint16(at + 24, file.extra, true);
}

function endOf(count: number, directoryAt: number, directoryBytes: number): Uint8Array {
  const end = new Uint8Array(22);
  const view = viewOf(end);
  view.setUint32(0, 0x06054b50, true);
  view.setUint16(8, count, true);
  view.setUint16(10, count, true);
  view.setUint32(12, directoryBytes, true);
  view.setUint32(16, directoryAt, true);
  return end;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Bytes that the sum takes in at a time: eight tables make it five times as fast as one. */
const STRIDE = 8;

/** The CRC-32 of zip (polynomial 0xEDB88320). */
export function crc32(bytes: Uint8Array): number {
  const t = crcTables();
  const view = viewOf(bytes);
  let crc = -1;
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
